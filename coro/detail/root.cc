// Spawned tasks and their owners.
#include <eddy/coro/detail/root.h>

#include <cstring>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/detail/frame_pool.h>

namespace eddy::detail {

// ---- Owners ------------------------------------------------------------------------------------------------------------

void task_owner::ask_children(ask_list& asked) noexcept {
  stopping = true;
  for (spawned_base* s = first; s; s = s->next_sibling) asked.ask(*s);
}

void spawned_base::add_joiner(linked_work& w) noexcept {
  if (!joiners) {
    w.next = w.previous = &w;
    joiners = &w;
    return;
  }
  w.next = joiners;
  w.previous = joiners->previous;
  joiners->previous->next = &w;
  joiners->previous = &w;
}

void spawned_base::remove_joiner(linked_work& w) noexcept {
  if (w.next == &w) {
    joiners = nullptr;
    w.previous = nullptr;
    return;
  }
  if (joiners == &w) joiners = static_cast<linked_work*>(w.next);
  w.unlink();
}

void spawned_base::has_ended() noexcept {
  while (linked_work* w = joiners) {
    remove_joiner(*w);
    make_ready(*w);
  }
  task_owner& from = *owner;
  unlink();
  from.child_ended(from, *this);
  release();
}

void spawned_base::fail_unjoined() noexcept { home->fail(own_type().error(*this)); }

// ---- The root ----------------------------------------------------------------------------------------------------------

root::root() noexcept {
  children.child_ended = &child_ended;
  frames.runtime_made();
}

root::~root() { frames.runtime_ended(); }

root& root::make(loop& l) {
  l.tasks = std::make_unique<root>();
  return static_cast<root&>(*l.tasks);
}

void root::main_began(chain& main) noexcept {
  main_ = &main;
  ++foreground_;
}

void root::main_ended() noexcept {
  main_ = nullptr;
  --foreground_;
}

void root::child_ended(task_owner& owner, spawned_base& child) noexcept {
  root& self = *static_cast<root*>(child.home->tasks.get());
  --(child.background ? self.background_ : self.foreground_);
  // Main, whose locals the spawned tasks may use, is asked when those have ended.
  if (owner.stopping && !owner.live && self.main_) request_stop(*self.main_);
}

void root::stop(bool forced) noexcept {
  ask_list asked(forced);
  children.ask_children(asked);
  if (main_ && (forced || !children.live)) asked.ask(*main_);
  asked.run();
}

void root::stop_background() noexcept {
  children.stopping = true;
  ask_list asked(false);
  for (spawned_base* s = children.first; s; s = s->next_sibling) {
    if (s->background) asked.ask(*s);
  }
  asked.run();
}

void root::give_back_surplus() noexcept { frames.give_back_surplus(); }

std::string root::describe() const {
  std::string out;
  if (main_) detail::describe(out, *main_, "\n  main: ");
  for (const spawned_base* s = children.first; s; s = s->next_sibling) detail::describe(out, *s, "\n  a spawned task: ");
  return out;
}

void describe(std::string& out, const chain& c, const char* indent) {
  if (!c.leaf) return;
  out += indent;
  out += wait_type_of(*c.leaf).name;
  const promise_base* innermost = &waiter_of(*c.leaf);
  for (const promise_base* p = innermost; p; p = p->parent) {
    if (p->where.line() == 0) continue;
    const char* file = std::strrchr(p->where.file_name(), '/');
    out += p == innermost ? " at " : " < ";
    out += file ? file + 1 : p->where.file_name();
    out += ':';
    out += std::to_string(p->where.line());
  }
  struct context {
    std::string& out;
    std::string indent;
  } below{out, std::string(indent[0] == '\n' ? "\n  " : "\n") + "  "};
  for (const char* i = indent; *i == '\n' || *i == ' '; ++i) {
    if (*i == ' ') below.indent += ' ';
  }
  if (const auto visit = wait_type_of(*c.leaf).visit) {
    visit(*c.leaf, &below, [](void* x, const chain& inner) {
      const auto& b = *static_cast<context*>(x);
      describe(b.out, inner, b.indent.c_str());
    });
  }
}

}  // namespace eddy::detail
