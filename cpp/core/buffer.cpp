#include "core/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace lamella {
namespace {

// From this size on, memory is asked for in huge pages: products walk weights with strides of pages, and would wait for
// translations of small ones.
constexpr Index kHugePage = Index{2} << 20;

}  // namespace

Buffer Buffer::uninitialized(Index bytes) {
  Buffer buffer;
  buffer.bytes_ = round_up(bytes, kAlignment);
  if (buffer.bytes_ == 0) return buffer;
  const bool huge = buffer.bytes_ >= 2 * kHugePage;
  const Index alignment = huge ? kHugePage : kAlignment;
  const auto size = static_cast<std::size_t>(round_up(buffer.bytes_, alignment));
  buffer.data_.reset(static_cast<char*>(std::aligned_alloc(static_cast<std::size_t>(alignment), size)));
  if (!buffer.data_) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
  if (huge) madvise(buffer.data(), size, MADV_HUGEPAGE);  // a wish: without effect where the system has none
#endif
  return buffer;
}

Buffer Buffer::zeros(Index bytes) {
  Buffer buffer = uninitialized(bytes);
  if (buffer.bytes_ > 0) std::memset(buffer.data(), 0, static_cast<std::size_t>(buffer.bytes_));
  return buffer;
}

Buffer Buffer::mapped_zeros(Index bytes) {
  const Index size = round_up(bytes, kAlignment);
  void* const pages =
      mmap(nullptr, static_cast<std::size_t>(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  Buffer buffer;
  buffer.bytes_ = size;
  buffer.data_ = {static_cast<char*>(pages), FreeBytes{size}};
  return buffer;
}

void FreeBytes::operator()(char* data) const {
  if (mapped > 0) {
    munmap(data, static_cast<std::size_t>(mapped));
  } else {
    std::free(data);
  }
}

}  // namespace lamella
