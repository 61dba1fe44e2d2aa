// The compiled half of event.
#include <eddy/coro/event.h>

#include <eddy/coro/detail/root.h>

namespace eddy {

using namespace detail;

void event::check_unwaited(const char* else_abort_with) const noexcept {
  if (const linked_work* w = waiting_.front()) destroyed_under(*w, else_abort_with);
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
