// Spawned tasks and their owners.
#include <eddy/coro/detail/root.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/detail/frame_pool.h>

namespace eddy::detail {

// ---- Owners ------------------------------------------------------------------------------------

void task_owner::ask_children(ask_list& asked) noexcept {
  stopping = true;
  for (spawned_base* s = first; s; s = s->next_sibling) asked.ask(*s);
}

void spawned_base::add_joiner(linked_work& w) noexcept {
  linked_work* first = first_joiner();
  if (!first) {
    w.next = w.previous = &w;
    context = &w;
    return;
  }
  w.next = first;
  w.previous = first->previous;
  first->previous->next = &w;
  first->previous = &w;
}

void spawned_base::remove_joiner(linked_work& w) noexcept {
  if (w.next == &w) {
    context = nullptr;
    w.previous = nullptr;
    return;
  }
  if (first_joiner() == &w) context = static_cast<linked_work*>(w.next);
  w.unlink();
}

void spawned_base::has_ended() noexcept {
  while (linked_work* w = first_joiner()) {
    remove_joiner(*w);
    make_ready(*w);
  }
  task_owner& from = *owner;
  unlink();
  next_sibling = previous_sibling = nullptr;
  from.child_ended(from, *this);
  release();
}

void spawned_base::gone_with_error() noexcept {
  if (next_sibling) {
    spawned_base*& ring = static_cast<root&>(*home->tasks).failed_;
    if (ring == this) ring = next_sibling == this ? nullptr : next_sibling;
    previous_sibling->next_sibling = next_sibling;
    next_sibling->previous_sibling = previous_sibling;
  }
  if (!joined) home->fail(own_type().error(*this));
}

// ---- The root ----------------------------------------------------------------------------------

root::root() noexcept {
  children.child_ended = &child_ended;
  frames.runtime_made();
}

root::~root() {
  while (spawned_base* s = failed_) {  // nobody is left to be told
    failed_ = s->next_sibling == s ? nullptr : s->next_sibling;
    s->previous_sibling->next_sibling = s->next_sibling;
    s->next_sibling->previous_sibling = s->previous_sibling;
    s->next_sibling = s->previous_sibling = nullptr;
    s->joined = true;
  }
  frames.runtime_ended();
}

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
  if (child.end == ending::error) [[unlikely]] {
    spawned_base* const first = self.failed_ ? self.failed_ : &child;
    if (!self.failed_) child.previous_sibling = &child;
    child.next_sibling = first;
    child.previous_sibling = first->previous_sibling;
    child.previous_sibling->next_sibling = &child;
    first->previous_sibling = &child;
    self.failed_ = first;
  }
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

void root::give_back_surplus() noexcept {
  frames.give_back_surplus();
}

std::string root::describe() const {
  std::string out;
  if (main_) detail::describe(out, *main_, "\n  main: ");
  for (const spawned_base* s = children.first; s; s = s->next_sibling)
    detail::describe(out, *s, "\n  a spawned task: ");
  return out;
}

/// (With a list of its own: scopes may nest 10^5 deep.)
void describe(std::string& out, const chain& c, const char* title) {
  constexpr std::size_t deepest_indent = 16;
  struct level {
    const chain* of;
    std::size_t depth;
  };
  std::vector<level> left{{&c, 0}};
  while (!left.empty()) {
    const level at = left.back();
    left.pop_back();
    if (!at.of->leaf || at.of->end != ending::none) continue;
    const work& leaf = *at.of->leaf;
    if (at.depth) {
      out += '\n';
      out.append(2 + 4 * std::min(at.depth, deepest_indent), ' ');
    } else {
      out += title;
    }
    out += wait_type_of(leaf).name;
    const promise_base* innermost = &waiter_of(leaf);
    for (const promise_base* p = innermost; p; p = p->parent) {
      if (p->where.line() == 0) continue;
      const char* file = std::strrchr(p->where.file_name(), '/');
      out += p == innermost ? " at " : " < ";
      out += file ? file + 1 : p->where.file_name();
      out += ':';
      out += std::to_string(p->where.line());
    }
    if (const auto visit = wait_type_of(leaf).visit) {
      struct below {
        std::vector<level>& to;
        std::size_t depth;
      } inside{left, at.depth + 1};
      const auto first = static_cast<std::ptrdiff_t>(left.size());
      visit(leaf, &inside, [](void* x, const chain& inner) {
        const auto& b = *static_cast<below*>(x);
        b.to.push_back({&inner, b.depth});
      });
      std::reverse(left.begin() + first, left.end());
    }
  }
}

}  // namespace eddy::detail
