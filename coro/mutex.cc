// The compiled half of mutex.
#include <eddy/coro/mutex.h>

#include <eddy/coro/detail/root.h>
#include <eddy/runtime/detail/abort.h>

namespace eddy {

using namespace detail;

mutex::~mutex() {
  if (const linked_work* w = waiting_.front())
    destroyed_under(*w, "a mutex is destroyed while tasks wait for it");
  if (locked_) misuse("a mutex is destroyed while it is locked, or was handed over");
}

std::optional<mutex::guard> mutex::try_lock() noexcept {
  if (locked_) return std::nullopt;
  locked_ = true;
  return guard(*this);
}

void mutex::unlock() noexcept {
  if (linked_work* w = waiting_.pop()) {
    make_ready(*w);  // it has it
  } else {
    locked_ = false;
  }
}

constinit const wait_type mutex::awaiter::wait_{wait_work, "mutex::lock", &cancel_unless_ready,
                                                nullptr};

}  // namespace eddy
