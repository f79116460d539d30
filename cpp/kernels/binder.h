#pragma once

#include "kernels/kernel.h"
#include "kernels/sequence.h"

// Derives an op's signature and its call from a kernel's C++ type (see kernel.h). Included only by kernel sources, once
// an instruction set: hence the anonymous namespace.

namespace lamella {
namespace {

enum class Kind { input, output, rows, dim, flag, number, bf16, hyper, epilogue, team };

template <typename A>
struct Parameter {  // const SomeHyper&
  static constexpr Kind kind = Kind::hyper;
};
template <typename A>
struct Parameter<A*> {
  static constexpr Kind kind = Kind::output;
};
template <typename A>
struct Parameter<const A*> {
  static constexpr Kind kind = Kind::input;
};
template <>
struct Parameter<Rows> {
  static constexpr Kind kind = Kind::rows;
};
template <>
struct Parameter<Dim> {
  static constexpr Kind kind = Kind::dim;
};
template <>
struct Parameter<Flag> {
  static constexpr Kind kind = Kind::flag;
};
template <>
struct Parameter<Number> {
  static constexpr Kind kind = Kind::number;
};
template <>
struct Parameter<Bf16Way> {
  static constexpr Kind kind = Kind::bf16;
};
template <typename T>
struct Parameter<const Epilogue<T>&> {
  static constexpr Kind kind = Kind::epilogue;
};
template <>
struct Parameter<const Team&> {
  static constexpr Kind kind = Kind::team;
};

template <typename A>
struct HyperFields {
  static constexpr int count = 0;
};
template <typename A>
struct HyperFields<const A&> {
  static constexpr int count = sizeof(A) / 8;
};

template <auto function>
struct Bound;

template <typename... Args, void (*function)(Args...)>
struct Bound<function> {
  static constexpr int arity = sizeof...(Args);
  static constexpr Kind kinds[arity] = {Parameter<Args>::kind...};

  static constexpr bool is_operand(Kind kind) { return kind == Kind::input || kind == Kind::output; }
  static constexpr bool is_size(Kind kind) {
    return kind == Kind::dim || kind == Kind::flag || kind == Kind::number || kind == Kind::bf16;
  }

  static constexpr int operands_before(int position) {
    int count = 0;
    for (int i = 0; i < position; ++i) count += is_operand(kinds[i]);
    return count;
  }
  static constexpr int sizes_before(int position) {
    int count = 0;
    for (int i = 0; i < position; ++i) count += is_size(kinds[i]);
    return count;
  }

  static constexpr Signature make_signature() {
    Signature s{operands_before(arity), 0, 0, sizes_before(arity), -1, false, 0, false};
    const int fields[arity] = {(Parameter<Args>::kind == Kind::hyper ? HyperFields<Args>::count : 0)...};
    for (int i = 0; i < arity; ++i) {
      if (kinds[i] == Kind::output) s.outputs |= 1u << operands_before(i);
      if (kinds[i] == Kind::dim) s.dims |= 1u << sizes_before(i);
      if (kinds[i] == Kind::bf16) s.bf16 = sizes_before(i);
      if (kinds[i] == Kind::rows) s.rows = true;
      if (kinds[i] == Kind::epilogue) s.fusible = true;
      s.hyper += fields[i];
    }
    return s;
  }
  static constexpr Signature signature = make_signature();
  static_assert(make_signature().operands <= kMaxOperands && make_signature().sizes <= kMaxSizes,
                "raise kMaxOperands or kMaxSizes");

  template <int operand, int size>
  struct At {
    const Call& call;
    const Team& team;
    template <typename A>
    operator A*() const {
      return static_cast<A*>(call.operands[operand]);
    }
    operator Rows() const { return {call.rows}; }
    operator Dim() const { return {call.sizes[size]}; }
    operator Flag() const { return {call.sizes[size] != 0}; }
    operator Number() const { return {call.sizes[size]}; }
    operator Bf16Way() const { return static_cast<Bf16Way>(call.sizes[size]); }
    operator const Team&() const { return team; }
  };

  // Conversion operators cannot tell a hyper struct from an epilogue, so references go by overload.
  template <typename A, int operand, int size>
  struct Argument {
    static A get(const Call& call, const Team& team) { return At<operand, size>{call, team}; }
  };
  template <typename H, int operand, int size>
  struct Argument<const H&, operand, size> {
    static const H& get(const Call& call, const Team&) { return *static_cast<const H*>(call.hyper); }
  };
  template <typename T, int operand, int size>
  struct Argument<const Epilogue<T>&, operand, size> {
    static Epilogue<T> get(const Call& call, const Team&) { return {call.stages, call.stage_count}; }
  };
  template <int operand, int size>
  struct Argument<const Team&, operand, size> {
    static const Team& get(const Call&, const Team& team) { return team; }
  };

  template <int... I>
  static void expand(const Call& call, const Team& team, Sequence<I...>) {
    function(Argument<Args, operands_before(I), sizes_before(I)>::get(call, team)...);
  }

  static void launch(const Call& call, const Team& team) { expand(call, team, typename MakeSequence<arity>::Type{}); }
};

struct NoHyper {};

// Runs the fused ops on a finished tile of `matrix` that begins at its element `at`.
template <typename T>
inline void apply(const Epilogue<T>& epilogue, const T* matrix, Index at, Index rows, Index cols, Index ld) {
  const T* in = matrix + at;
  for (int i = 0; i < epilogue.count; ++i) {
    const Stage& stage = epilogue.stages[i];
    T* const out = static_cast<T*>(stage.out) + at;
    reinterpret_cast<Tile<T>>(stage.tile)(out, in, stage.other, at, rows, cols, ld, stage.hyper);
    in = out;
  }
}

// A standalone elementwise op from its tile: flat, cut between threads at whole cache lines.
template <typename T, Tile<T> tile, typename Hyper>
struct Elementwise {
  static void flat(T* out, const T* in, const void* other, Index count, const Hyper& hyper, const Team& team) {
    const Span span = share(team, count, 1024);
    tile(out + span.begin, in + span.begin, other, span.begin, 1, span.end - span.begin, 0, &hyper);
  }
  static void forward(T* out, const T* in, Rows n, Dim width, const Hyper& hyper, const Team& team) {
    flat(out, in, nullptr, n.value * width.value, hyper, team);
  }
  static void backward(T* din, const T* dout, const T* saved, Rows n, Dim width, const Hyper& hyper, const Team& team) {
    flat(din, dout, saved, n.value * width.value, hyper, team);
  }
  static void masked(T* out, const T* in, const std::uint64_t* bits, Rows n, Dim width, const Hyper& hyper,
                     const Team& team) {
    flat(out, in, bits, n.value * width.value, hyper, team);
  }
};

}  // namespace
}  // namespace lamella

#define LAMELLA_JOIN(isa, name) isa##_##name##_family
#define LAMELLA_SYMBOL(isa, name) LAMELLA_JOIN(isa, name)

// An entry for a kernel that is a template on the element type.
#define LAMELLA_KERNEL(name) \
  {#name, {&Bound<&name<float>>::launch, &Bound<&name<double>>::launch}, {}, Bound<&name<float>>::signature}

// An entry for an elementwise op given by its tile; `way` says what it reads
// (forward: its input; backward: also a saved matrix; masked: also bits), Hyper its settings or NoHyper.
#define LAMELLA_TILE(name, way, Hyper) LAMELLA_TILE_AS(#name, name, way, Hyper)

// The same under another name than the function's.
#define LAMELLA_TILE_AS(name, function, way, Hyper)                                             \
  {name,                                                                                        \
   {&Bound<&Elementwise<float, &function<float>, Hyper>::way>::launch,                          \
    &Bound<&Elementwise<double, &function<double>, Hyper>::way>::launch},                       \
   {reinterpret_cast<AnyTile>(&function<float>), reinterpret_cast<AnyTile>(&function<double>)}, \
   Bound<&Elementwise<float, &function<float>, Hyper>::way>::signature}

// The one external symbol of a kernel source: its table, named after the instruction set and the family.
#define LAMELLA_FAMILY(family, ...)                                     \
  namespace lamella {                                                   \
  namespace {                                                           \
  const KernelEntry entries[] = {__VA_ARGS__};                          \
  }                                                                     \
  extern "C" const KernelFamily LAMELLA_SYMBOL(LAMELLA_ISA, family);    \
  extern "C" const KernelFamily LAMELLA_SYMBOL(LAMELLA_ISA, family) = { \
      entries, static_cast<int>(sizeof(entries) / sizeof(entries[0]))}; \
  }
