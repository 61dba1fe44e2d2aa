// A program without eddy that loads libraries with eddy inside, runs a loop in each, here and on
// another thread, and unloads them, again and again; the thread ends last. Its arguments are the
// libraries.
#include <dlfcn.h>
#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <semaphore>
#include <thread>
#include <vector>

namespace {

int wrong = 0;
void expect(bool good, const char* what, const char* subject) {
  if (good) return;
  ++wrong;
  std::printf("FAIL %s: %s\n", what, subject ? subject : "");
}

/// How many thread keys can be made now.
int free_keys() {
  std::vector<pthread_key_t> keys;
  pthread_key_t key;
  while (pthread_key_create(&key, nullptr) == 0) keys.push_back(key);
  for (pthread_key_t k : keys) pthread_key_delete(k);
  return static_cast<int>(keys.size());
}

using function = int (*)();

void run_in(void* library, const char* name) {
  const auto f = reinterpret_cast<function>(dlsym(library, "run_a_loop"));
  expect(f, "no run_a_loop", name);
  if (f) expect(f() == 0, "the loop", name);
}

}  // namespace

int main(int count, char** names) {
  constexpr int rounds = 20;
  int keys = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<void*> libraries;
    for (int i = 1; i < count; ++i) {
      libraries.push_back(dlopen(names[i], RTLD_NOW | RTLD_LOCAL));
      expect(libraries.back(), "is not loaded", libraries.back() ? "" : dlerror());
      if (!libraries.back()) return 1;
    }
    std::binary_semaphore has_run(0), may_end(0);
    std::thread lasts([&] {
      for (int i = 1; i < count; ++i) run_in(libraries[static_cast<std::size_t>(i - 1)], names[i]);
      has_run.release();
      may_end.acquire();
    });
    has_run.acquire();
    for (int i = 1; i < count; ++i) run_in(libraries[static_cast<std::size_t>(i - 1)], names[i]);
    for (void* library : libraries) expect(dlclose(library) == 0, "is not closed", dlerror());
    for (int i = 1; i < count; ++i) {
      expect(!dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD), "is loaded still", names[i]);
    }
    may_end.release();
    lasts.join();  // it was used by libraries that are gone
    if (round == 0) keys = free_keys();
  }
  expect(free_keys() == keys, "thread keys are lost", "");
  std::printf("%d wrong\n", wrong);
  return wrong != 0;
}
