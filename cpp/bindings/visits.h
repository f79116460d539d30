#pragma once

#include <pybind11/pybind11.h>
#include <unistd.h>

#include <exception>

#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

namespace lamella {

// Calls of Python code by threads that train. When Python ends, it ends daemon threads by unwinding their stacks, which
// parallel regions do not survive. So close(), which Python calls at its end, lets nobody in any more and waits for
// those who are inside, though not for ever.
class Visits {
 public:
  // What the main thread begins after close(), in another function that Python calls at its end, is let in.
  explicit Visits(bool on_main_thread);

  // Calls body() with the GIL.
  template <typename Body>
  void pay(const Body& body) const {
    enter();
    std::exception_ptr error;
    const auto inside = [&] {
      const PyGILState_STATE state = PyGILState_Ensure();
      try {
        body();
      } catch (const std::exception&) {
        error = std::current_exception();
      }
      PyGILState_Release(state);
    };
#ifdef __GLIBCXX__
    try {
      inside();
    } catch (const abi::__forced_unwind&) {
      while (true) pause();  // it was inside for longer than close() waits
    }
#else
    inside();
#endif
    leave();
    if (error) std::rethrow_exception(error);
  }

  static void close();

 private:
  void enter() const;
  static void leave();

  bool late_;
};

}  // namespace lamella
