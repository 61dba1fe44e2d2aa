// How a function on the pool is told of a cancel.
#include <eddy/coro/detail/told.h>

namespace eddy::detail {

constinit const wait_type told_call::wait{
    {&told_call::reported, &wait_in_background}, "offload", &told_call::cancel, nullptr};
constinit const work_type told_call::telling{
    &told_call::tell, [](const work* w) noexcept {
      return wait_in_background(static_cast<const told_call*>(w->context));
    }};

namespace {
told_call& told_of(work* w) noexcept {
  return static_cast<told_call&>(
      static_cast<operation_wait&>(static_cast<operation&>(static_cast<linked_work&>(*w))));
}
}  // namespace

void told_call::cancel(work& w, ask_list&) noexcept {
  told_call& self = told_of(&w);
  loop& home = *waiter_of(w).of->home;
  home.cancel(self);
  if (self.where != place::inside || self.told_) return;  // it never ran, or has been told
  self.told_ = self.tells_ = true;
  self.telling_.type = &telling;
  self.telling_.context = &self;
  home.make_ready(self.telling_);
}

void told_call::tell(work* w) noexcept {
  told_call& self = *static_cast<told_call*>(w->context);
  current_loop->running = nullptr;  // no task runs now
  self.request_stop_(self.source_);
  self.tells_ = false;
  if (self.reported_) resume_operation(&self);
}

void told_call::reported(work* w) noexcept {
  told_call& self = told_of(w);
  self.reported_ = true;
  if (!self.tells_) resume_operation(w);
}

}  // namespace eddy::detail
