// The compiled half of semaphore.
#include <eddy/coro/semaphore.h>

#include <eddy/coro/detail/root.h>
#include <eddy/runtime/detail/abort.h>

namespace eddy {

using namespace detail;

semaphore::~semaphore() {
  if (const linked_work* w = waiting_.front())
    destroyed_under(*w, "a semaphore is destroyed while tasks wait for it");
  if (held_) misuse("a semaphore is destroyed while a permit is held, or was handed over");
}

std::optional<semaphore::permit> semaphore::try_acquire() noexcept {
  if (!free_) return std::nullopt;
  take();
  return permit(*this);
}

void semaphore::release(std::size_t count) noexcept {
  for (; count && !waiting_.empty(); --count) {
    ++held_;  // it has it
    make_ready(*waiting_.pop());
  }
  if (__builtin_add_overflow(free_, count, &free_))
    misuse("a semaphore is released beyond what it can count");
}

constinit const wait_type semaphore::awaiter::wait_{wait_work, "semaphore::acquire",
                                                    &cancel_unless_ready, nullptr};

}  // namespace eddy
