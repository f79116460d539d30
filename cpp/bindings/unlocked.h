#pragma once

#include <pybind11/pybind11.h>
#include <unistd.h>

#include <exception>
#include <mutex>

#include "program/runner.h"

namespace lamella {

inline bool python_is_ending() {
#if PY_VERSION_HEX >= 0x030d0000
  return Py_IsFinalizing() != 0 || Py_IsInitialized() == 0;
#else
  return _Py_IsFinalizing() != 0 || Py_IsInitialized() == 0;
#endif
}

// Calls body() without the GIL. Not by pybind11's guard: a daemon thread that comes back while Python ends must neither
// touch Python nor unwind through a destructor; it waits for the end of the process.
template <typename Body>
void unlocked(const Body& body) {
  PyThreadState* const state = PyEval_SaveThread();
  std::exception_ptr error;
  try {
    body();
  } catch (...) {
    error = std::current_exception();
  }
  while (python_is_ending()) pause();
  PyEval_RestoreThread(state);
  if (error) std::rethrow_exception(error);
}

// Calls body(lock) without the GIL, and alone on the model's memory.
template <typename Body>
void run_unlocked(Runner& runner, const Body& body) {
  unlocked([&] {
    std::unique_lock<std::mutex> alone = runner.memory().lock();
    body(alone);
  });
}

}  // namespace lamella
