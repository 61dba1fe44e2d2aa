// The compiled half of event.
#include <eddy/coro/event.h>

#include <eddy/runtime/detail/abort.h>

namespace eddy {

using namespace detail;

event::~event() {
  if (!waiting_.empty()) misuse("an event is destroyed while tasks wait for it");
}

void event::set() noexcept {
  set_ = true;
  while (linked_work* w = waiting_.pop()) make_ready(*w);
}

constinit const wait_type event::awaiter::wait_{wait_work, "event::wait", &event::awaiter::cancel,
                                                nullptr};

void event::awaiter::cancel(work& w, ask_list&) noexcept {
  auto& self = static_cast<linked_work&>(w);
  if (self.is_linked()) {
    self.unlink();
    make_stopped(self);
  } else {
    stop_ready(self);
  }
}

}  // namespace eddy
