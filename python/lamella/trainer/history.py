"""What a training saw, and how it may end."""


class DivergenceError(ArithmeticError):
    """The loss became infinite or NaN during :meth:`Trainer.fit`."""


class History(dict[str, list[float]]):
    """What ``fit`` saw, a list a quantity and an entry an epoch.

    Keys: "loss" (mean over the epoch's batches), the loss's score ("accuracy" or "mse"), "seconds", and with validation
    data "val_loss" and "val_" + score.
    """

    @property
    def epochs(self) -> int:
        """Number of entries."""
        return len(self.get("loss", ()))

    def add(self, record: dict[str, float]) -> None:
        """Append one epoch."""
        for key, value in record.items():
            self.setdefault(key, []).append(value)

    def __repr__(self) -> str:
        last = ", ".join(f"{key}={values[-1]:.4g}" for key, values in self.items() if values)
        return f"History({self.epochs} epochs{'; last: ' + last if last else ''})"
