// The limits of rows 1 to 4: hand-written coroutines that do the least with the same observable
// result. No cancelling, no exceptions, no budget, no clock, no accounting: what a runtime adds to
// these is its price.
#include <array>
#include <atomic>
#include <coroutine>
#include <cstdlib>
#include <source_location>
#include <utility>

#include "bench/limit/frames.h"
#include "bench/measure.h"

namespace {

using limit::frame_pool;

struct node {
  node* next = nullptr;
  std::coroutine_handle<> handle{};
};

/// First in, first out, of handles.
class ready_queue {
 public:
  void push(node& item) noexcept {
    item.next = nullptr;
    (first_ ? last_->next : first_) = &item;
    last_ = &item;
  }
  void run() noexcept {
    while (first_) {
      node* item = first_;
      first_ = item->next;
      item->handle.resume();
    }
  }

 private:
  node* first_ = nullptr;
  node* last_ = nullptr;
};

ready_queue ready;

struct pooled {
  static void* operator new(std::size_t size) noexcept { return frame_pool::get(size); }
  static void operator delete(void* memory, std::size_t size) noexcept {
    frame_pool::put(memory, size);
  }
};

// Row 1. The child runs inside await_suspend, which answers false when it has ended: a call and a
// return.
class child {
 public:
  struct promise_type : pooled {
    int value = 0;
    std::coroutine_handle<> parent;
    static child get_return_object_on_allocation_failure() { std::abort(); }
    child get_return_object() {
      return child(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct give_back {
        bool await_ready() noexcept { return false; }
        void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
          if (self.promise().parent) self.promise().parent.resume();
        }
        void await_resume() noexcept {}
      };
      return give_back();
    }
    void return_value(int result) noexcept { value = result; }
    void unhandled_exception() noexcept { std::abort(); }
  };

  explicit child(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  child(child&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  ~child() {
    if (handle_) handle_.destroy();
  }
  std::coroutine_handle<promise_type> handle() const noexcept { return handle_; }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> parent) noexcept {
    handle_.resume();
    if (handle_.done()) return false;
    handle_.promise().parent = parent;
    return true;
  }
  int await_resume() const noexcept { return handle_.promise().value; }

 private:
  std::coroutine_handle<promise_type> handle_;
};

[[gnu::noinline]] child leaf(int x) {
  co_return x + 1;
}
[[gnu::noinline]] child await_children(long n) {
  int sum = 0;
  for (long i = 0; i < n; ++i) sum = co_await leaf(sum);
  co_return sum;
}

// Row 2.
struct yield_now {
  node item;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) noexcept {
    item.handle = self;
    ready.push(item);
  }
  void await_resume() const noexcept {}
};
[[gnu::noinline]] child yielder(long n) {
  for (long i = 0; i < n; ++i) co_await yield_now{};
  co_return 0;
}

// What row 2 costs by hand where the rules of a yield are kept: it goes on in the next tick (a
// snapshot), the wait is registered so that a cancel finds it and a report can say where it stands,
// and a tick looks once at everything else that might be due. Not the limit (nothing here is
// needed for two loops that only yield), but what a runtime cannot leave out.
namespace ruled {

struct chain;
struct item {
  item* next = nullptr;
  void (*run)(item*) noexcept = nullptr;
  void* context = nullptr;
};
struct head {
  chain* of = nullptr;
  std::source_location where;
  bool unwinding = false;
};
struct chain {
  item* leaf = nullptr;
  bool stop_requested = false;
};
/// What a tick looks at, one word for each kind.
struct machine {
  item* first = nullptr;
  item** end = &first;
  chain* running = nullptr;
  std::size_t timers = 0, operations = 0, pool_work = 0, hooks = 0, closing = 0, immediates = 0;
  std::size_t ticks = 0;
  unsigned budget = 0;
  std::atomic<item*> mail{nullptr};
  item* microtasks = nullptr;
  item* now = nullptr;
};
thread_local machine* here = nullptr;

class ruled_task {
 public:
  struct promise_type : head, pooled {
    static ruled_task get_return_object_on_allocation_failure() { std::abort(); }
    ruled_task get_return_object() {
      return ruled_task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::abort(); }
  };
  explicit ruled_task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {
    handle.promise().of = &chain_;
  }
  ruled_task(const ruled_task&) = delete;
  ~ruled_task() { handle_.destroy(); }
  void start() const { handle_.resume(); }

 private:
  chain chain_;
  std::coroutine_handle<promise_type> handle_;
};
using handle = std::coroutine_handle<ruled_task::promise_type>;

void resume(item* i) noexcept {
  head& h = *static_cast<head*>(i->context);
  if (h.unwinding) std::abort();
  h.of->leaf = nullptr;
  here->running = h.of;
  handle::from_promise(static_cast<ruled_task::promise_type&>(h)).resume();
}

struct yield : item {
  yield() noexcept {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(handle h,
                     std::source_location where = std::source_location::current()) noexcept {
    head& waiter = h.promise();
    waiter.where = where;
    if (waiter.of->stop_requested) std::abort();
    run = &resume;
    context = &waiter;
    waiter.of->leaf = this;
    next = nullptr;
    *here->end = this;
    here->end = &next;
  }
  void await_resume() const noexcept {}
};

[[gnu::noinline]] ruled_task yielder(long n) {
  for (long i = 0; i < n; ++i) co_await yield();
}

[[gnu::noinline]] void run(machine& m) {
  while (m.first) {
    ++m.ticks;
    m.budget = 1024;
    if (m.timers) std::abort();
    item* i = m.first;
    m.first = nullptr;
    m.end = &m.first;
    for (; i; i = m.now) {
      m.now = i->next;
      i->run(i);
      if (m.microtasks) std::abort();
    }
    if (m.operations | m.pool_work | m.hooks | m.closing | m.immediates) std::abort();
    if (m.mail.load(std::memory_order_relaxed)) std::abort();
  }
}

void measure(long n) {
  machine m;
  here = &m;
  const ruled_task one = yielder(n / 2);
  const ruled_task two = yielder(n - n / 2);
  one.start();
  two.start();
  run(m);
}

}  // namespace ruled

// Row 3. A frame that is queued when it is made; who joins it is queued when it has ended.
class spawned {
 public:
  struct promise_type : pooled {
    node item;
    node* joiner = nullptr;
    int value = 0;
    static spawned get_return_object_on_allocation_failure() { std::abort(); }
    spawned get_return_object() {
      auto self = std::coroutine_handle<promise_type>::from_promise(*this);
      item.handle = self;
      ready.push(item);
      return spawned(self);
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct wake_joiner {
        bool await_ready() noexcept { return false; }
        void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
          if (self.promise().joiner) ready.push(*self.promise().joiner);
        }
        void await_resume() noexcept {}
      };
      return wake_joiner();
    }
    void return_value(int result) noexcept { value = result; }
    void unhandled_exception() noexcept { std::abort(); }
  };

  explicit spawned(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  spawned(spawned&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  ~spawned() {
    if (handle_) handle_.destroy();
  }

  struct join {
    std::coroutine_handle<promise_type> task;
    node item;
    explicit join(std::coroutine_handle<promise_type> handle) noexcept : task(handle) {}
    bool await_ready() const noexcept { return task.done(); }
    void await_suspend(std::coroutine_handle<> self) noexcept {
      item.handle = self;
      task.promise().joiner = &item;
    }
    int await_resume() const noexcept { return task.promise().value; }
  };
  join operator co_await() const noexcept { return join(handle_); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

[[gnu::noinline]] spawned spawned_leaf(int x) {
  co_return x + 1;
}
[[gnu::noinline]] child spawn_and_join(long n) {
  int sum = 0;
  for (long i = 0; i < n; ++i) {
    auto handle = spawned_leaf(sum);
    sum = co_await handle;
  }
  co_return sum;
}

// Row 4. A ring of 128 with two indices; each side works until it is full or empty, then lets the
// other.
struct ring {
  std::array<int, 128> elements{};
  std::size_t head = 0;
  std::size_t tail = 0;
  bool full() const noexcept { return head - tail == elements.size(); }
  bool empty() const noexcept { return head == tail; }
};
[[gnu::noinline]] child produce(ring& channel, long n) {
  for (long i = 0; i < n; ++i) {
    while (channel.full()) co_await yield_now{};
    channel.elements[channel.head++ % channel.elements.size()] = 1;
    bench::keep(channel);
  }
  co_return 0;
}
[[gnu::noinline]] child consume(ring& channel, long n) {
  int sum = 0;
  for (long i = 0; i < n; ++i) {
    while (channel.empty()) co_await yield_now{};
    sum += channel.elements[channel.tail++ % channel.elements.size()];
    bench::keep(channel);
  }
  co_return sum;
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  rows.measure("await_child", 15e6, [](long n) {
    const child main_task = await_children(n);
    main_task.handle().resume();
    bench::keep(main_task.handle().promise().value);
  });
  rows.measure("yield", 30e6, [](long n) {
    const child one = yielder(n / 2);
    const child two = yielder(n - n / 2);
    one.handle().resume();
    two.handle().resume();
    ready.run();
  });
  rows.measure("yield_with_rules", 30e6, ruled::measure);
  rows.measure("spawn_join", 10e6, [](long n) {
    const child main_task = spawn_and_join(n);
    main_task.handle().resume();
    ready.run();
    bench::keep(main_task.handle().promise().value);
  });
  rows.measure("channel_128", 20e6, [](long n) {
    ring channel;
    const child producer = produce(channel, n);
    const child consumer = consume(channel, n);
    producer.handle().resume();
    consumer.handle().resume();
    ready.run();
    bench::keep(consumer.handle().promise().value);
  });
}
