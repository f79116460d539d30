// What ThreadSanitizer has to be told of GNU's OpenMP, which is built without it and waits in ways that it does not
// see: what was written before a parallel region is there for its threads, and what these write is there after it.
// Preloaded, after libtsan. So it needs no suppressions, which would also hide what goes wrong within a region.

#define _GNU_SOURCE
#include <dlfcn.h>

void __tsan_acquire(void* address);
void __tsan_release(void* address);

struct Region {
  void (*body)(void*);
  void* data;
};

static void run(void* given) {
  struct Region* const region = given;
  __tsan_acquire(region);
  region->body(region->data);
  __tsan_release(region);
}

typedef void Parallel(void (*)(void*), void*, unsigned, unsigned);

void GOMP_parallel(void (*body)(void*), void* data, unsigned threads, unsigned flags) {
  Parallel* const parallel = (Parallel*)dlsym(RTLD_NEXT, "GOMP_parallel");
  struct Region region = {body, data};
  __tsan_release(&region);
  parallel(run, &region, threads, flags);
  __tsan_acquire(&region);
}
