// The compiled half of event.
#include <eddy/coro/event.h>

#include <eddy/runtime/detail/abort.h>

namespace eddy {

using namespace detail;

void event::check_unwaited(const char* else_abort_with) const noexcept {
  if (!waiting_.empty()) misuse(else_abort_with);
}

void event::set() noexcept {
  set_ = true;
  while (linked_work* w = waiting_.pop()) make_ready(*w);
}

constinit const wait_type event::awaiter::of_event{wait_work, "event::wait", &cancel_even_ready,
                                                   nullptr};
constinit const wait_type event::awaiter::of_latch{wait_work, "latch::wait", &cancel_even_ready,
                                                   nullptr};

}  // namespace eddy
