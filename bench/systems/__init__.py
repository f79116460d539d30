"""One module a system: ``make(workload, threads, dropout)`` gives ``step(x, y) -> loss``; ``describe`` its version."""
