// All interleavings of a few threads whose steps are known: each thread is a stack of its own on the
// test's one thread, stops before each thing that others can see, and a scheduler tries every choice
// of who goes on. What has been there before (the same memory, the same stacks) is not tried again,
// so every order counts and the work stays small. It sees orders, not weak memory: that is
// ThreadSanitizer's part. (Not under a sanitizer, which keeps locals elsewhere than on the stack.)
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace eddy::test {
class interleavings {
 public:
  struct result {
    std::uint64_t states = 0;      ///< that were seen
    std::uint64_t executions = 0;  ///< that went to their end
    std::string failure;           ///< "" where none went wrong; else what, and the steps
  };
  struct memory {
    void* begin;
    std::size_t size;
  };

  /// `begin` makes everything anew in `shared`, which is all zero then, and gives the threads'
  /// bodies, which know of nothing else that changes; `check` says at the end of each execution (no
  /// thread can go on) what is wrong, "" if nothing is.
  result explore(memory shared, const std::function<std::vector<std::function<void()>>()>& begin,
                 const std::function<std::string()>& check) {
    shared_ = shared;
    path_.clear();
    seen_.clear();
    result out;
    do {
      std::memset(shared.begin, 0, shared.size);
      bodies_ = begin();
      make_threads();
      const bool whole = run_once();
      out.states = seen_.size();
      if (!whole) continue;
      ++out.executions;
      const std::string wrong = failure_.empty() ? check() : failure_;
      if (!wrong.empty()) {
        out.failure = wrong + trace();
        return out;
      }
    } while (next_path());
    return out;
  }

  // ---- Called by the threads' bodies ----

  static interleavings& current() noexcept { return *current_; }
  /// Others may go first; then comes something that they can see.
  void step(const char* what) { leave(what, nullptr, nullptr); }
  /// The same, and not before `ready()`.
  template <class F>
  void wait(const char* what, const F& ready) {
    leave(what, [](const void* f) { return (*static_cast<const F*>(f))(); }, &ready);
  }
  bool has_ended(std::size_t i) const noexcept { return threads_[i].ended; }
  void fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
  }

 private:
  static constexpr std::size_t most_threads = 4;
  static constexpr std::size_t size_of_stack = std::size_t{32} << 10;

  struct thread {
    ucontext_t context;
    const char* what = "";
    bool ended = false;
    bool (*ready)(const void*) = nullptr;  // null: always
    const void* ready_of = nullptr;
    char* low = nullptr;     // of what is alive on the stack, or a little below
    char* lowest = nullptr;  // of all that was

    bool can_go_on() const { return !ended && (!ready || ready(ready_of)); }
  };
  struct choice {
    unsigned enabled = 0;
    unsigned chosen = 0;
    const char* what = "";
  };

  static void body() {
    interleavings& self = current();
    thread& t = self.threads_[self.running_];
    self.bodies_[self.running_]();
    t.ended = true;
    self.leave("ended", nullptr, nullptr);
  }
  /// To the scheduler. All registers that a call keeps are on the stack then.
  [[gnu::noinline]] void leave(const char* what, bool (*ready)(const void*), const void* of) {
    __builtin_unwind_init();
    thread& t = threads_[running_];
    t.what = what;
    t.ready = ready;
    t.ready_of = of;
    t.low = static_cast<char*>(__builtin_frame_address(0)) - 128;
    t.lowest = std::min(t.lowest, t.low);
    ::swapcontext(&t.context, &scheduler_);
  }

  void make_threads() {
    current_ = this;
    failure_.clear();
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      thread& t = threads_[i];
      t.ended = false;
      t.what = "begins";
      t.ready = nullptr;
      stacks_[i].resize(size_of_stack);
      char* const top = stacks_[i].data() + size_of_stack;
      // (As it was at first: what is left on it counts as a difference.)
      std::size_t used = 0;
      if (t.lowest) used = std::min(static_cast<std::size_t>(top - t.lowest) + 2048, size_of_stack);
      std::memset(top - used, 0, used);
      t.low = t.lowest = top;
      ::getcontext(&t.context);
      t.context.uc_stack.ss_sp = stacks_[i].data();
      t.context.uc_stack.ss_size = size_of_stack;
      t.context.uc_link = nullptr;
      ::makecontext(&t.context, &body, 0);
    }
  }

  /// Whatever decides what can come.
  std::uint64_t hash() const noexcept {
    std::uint64_t h = 14695981039346656037u;
    const auto add = [&h](const void* from, std::size_t size) {
      const auto* p = static_cast<const char*>(from);
      for (; size >= 8; p += 8, size -= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, p, 8);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
      }
      for (; size; --size) h = (h ^ static_cast<unsigned char>(*p++)) * 1099511628211u;
    };
    add(shared_.begin, shared_.size);
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      const thread& t = threads_[i];
      add(&t.what, sizeof t.what);
      if (!t.ended) add(t.low, static_cast<std::size_t>(stacks_[i].data() + size_of_stack - t.low));
    }
    return h;
  }

  /// One execution along path_, which grows by what is new. False: it came to where another has
  /// been.
  bool run_once() {
    for (std::size_t depth = 0;; ++depth) {
      unsigned enabled = 0;
      for (std::size_t i = 0; i < bodies_.size(); ++i) {
        if (threads_[i].can_go_on()) enabled |= 1u << i;
      }
      if (depth == path_.size()) {
        const bool is_new = seen_.insert(hash()).second;
        if (!enabled || !failure_.empty()) return true;
        if (!is_new) return false;
        choice next;
        next.enabled = enabled;
        next.chosen = static_cast<unsigned>(__builtin_ctz(enabled));
        path_.push_back(next);
      }
      choice& here = path_[depth];
      if (here.enabled != enabled) {
        fail("a second time it goes otherwise");
        return true;
      }
      here.what = threads_[here.chosen].what;
      running_ = here.chosen;
      ::swapcontext(&scheduler_, &threads_[running_].context);
    }
  }
  bool next_path() {
    while (!path_.empty()) {
      choice& last = path_.back();
      if (const unsigned left = last.enabled >> (last.chosen + 1)) {
        last.chosen += 1 + static_cast<unsigned>(__builtin_ctz(left));
        return true;
      }
      path_.pop_back();
    }
    return false;
  }
  std::string trace() const {
    std::string out = "; the steps:";
    for (const choice& c : path_) out += " " + std::to_string(c.chosen) + ":" + c.what;
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      if (!threads_[i].ended) out += ", " + std::to_string(i) + " waits: " + threads_[i].what;
    }
    return out;
  }

  static inline interleavings* current_ = nullptr;
  memory shared_{};
  std::vector<std::function<void()>> bodies_;
  std::array<thread, most_threads> threads_;
  std::array<std::vector<char>, most_threads> stacks_;
  std::vector<choice> path_;
  std::unordered_set<std::uint64_t> seen_;
  std::size_t running_ = 0;
  std::string failure_;
  ucontext_t scheduler_;
};

/// An atomic of which each access is a step.
template <class T>
class stepped_atomic {
 public:
  static constexpr bool is_always_lock_free = true;
  constexpr stepped_atomic(T value) noexcept : value_(value) {}
  T load(std::memory_order = std::memory_order_seq_cst) const {
    interleavings::current().step("load");
    return value_;
  }
  void store(T value, std::memory_order = std::memory_order_seq_cst) {
    interleavings::current().step("store");
    value_ = value;
  }
  T exchange(T value, std::memory_order = std::memory_order_seq_cst) {
    interleavings::current().step("exchange");
    return std::exchange(value_, value);
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order, std::memory_order) {
    interleavings::current().step("compare");
    if (value_ != expected) {
      expected = value_;
      return false;
    }
    value_ = value;
    return true;
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order a, std::memory_order b) {
    return compare_exchange_strong(expected, value, a, b);
  }
  /// Without a step: for checks, and for who waits.
  T now() const noexcept { return value_; }

 private:
  T value_;
};

/// Steps where it is locked; what is done under it is one step then.
class stepped_mutex {
 public:
  void lock() {
    interleavings::current().wait("lock", [this] { return !locked_; });
    locked_ = true;
  }
  void unlock() noexcept { locked_ = false; }

 private:
  bool locked_ = false;
};

}  // namespace eddy::test
