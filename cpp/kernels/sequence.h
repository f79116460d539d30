#pragma once

// 0 .. N - 1 as template arguments. Not std::integer_sequence: kernel sources use no STL.

namespace lamella {
namespace {

template <int... I>
struct Sequence {};
template <int N, int... I>
struct MakeSequence : MakeSequence<N - 1, N - 1, I...> {};
template <int... I>
struct MakeSequence<0, I...> {
  using Type = Sequence<I...>;
};

}  // namespace
}  // namespace lamella
