// The limit of row 15: a loop that asks the same questions and calls the same three hooks through
// pointers, with no system call, for nothing is in flight.
#include <atomic>

#include "bench/measure.h"

namespace {

struct item {
  item* next = nullptr;
};
struct list {
  item* first = nullptr;
  item* last = nullptr;
  bool empty() const noexcept { return !first; }
};
struct hook {
  void (*call)(void*) = nullptr;
  void* context = nullptr;
  hook* next = nullptr;
};

/// What a tick looks at. Read from memory each time, as a loop must that calls unknown code in
/// between.
struct loop {
  std::uint64_t ticks = 0;
  unsigned budget = 0;
  std::size_t timers = 0;
  std::size_t operations = 0;
  std::size_t pool_work = 0;
  std::atomic<std::size_t> guards{1};
  std::atomic<item*> inbox{nullptr};
  list ready, due, postponed, immediates, closing, done, calls, posts;
  hook* hooks[3] = {};

  [[gnu::noinline]] void nothing_of_this_is_here() { std::abort(); }

  [[gnu::noinline]] void tick() {
    ++ticks;
    budget = 1024;
    if (timers) nothing_of_this_is_here();
    if (!ready.empty() || !due.empty() || !postponed.empty()) nothing_of_this_is_here();
    run_hooks(0);
    run_hooks(1);
    const bool must_sleep = hooks[0] == nullptr && immediates.empty() && closing.empty();
    if (operations || pool_work || must_sleep) nothing_of_this_is_here();
    if (inbox.load(std::memory_order_relaxed)) nothing_of_this_is_here();
    if (!done.empty() || !calls.empty() || !posts.empty()) nothing_of_this_is_here();
    if (!immediates.empty()) nothing_of_this_is_here();
    run_hooks(2);
    if (!closing.empty()) nothing_of_this_is_here();
  }
  void run_hooks(int which) {
    for (hook* h = hooks[which]; h; h = h->next) {
      h->call(h->context);
      if (!ready.empty()) nothing_of_this_is_here();
    }
  }
  bool holds() const noexcept {
    return timers || operations || pool_work || !ready.empty() || !postponed.empty() ||
           !immediates.empty() || guards.load(std::memory_order_acquire);
  }
};

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  rows.measure("empty_tick", 1e7, [](long n) {
    struct counted {
      loop self;
      long left;
      long calls = 0;
    } state{.self = {}, .left = n};
    hook idle{[](void* c) {
                auto& s = *static_cast<counted*>(c);
                if (--s.left == 0) s.self.guards.store(0, std::memory_order_release);
              },
              &state};
    hook prepare{[](void* c) { ++static_cast<counted*>(c)->calls; }, &state};
    hook check = prepare;
    state.self.hooks[0] = &idle;
    state.self.hooks[1] = &prepare;
    state.self.hooks[2] = &check;
    while (state.self.holds()) state.self.tick();
    bench::check(state.calls == 2 * n, "the hooks' calls");
  });
}
