// Spawned tasks and their owners.
#include <eddy/coro/detail/root.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/spawn.h>
#include <eddy/runtime/detail/abort.h>

namespace eddy::detail {

// ---- Owners ------------------------------------------------------------------------------------

void task_owner::ask_children(ask_list& asked) noexcept {
  stopping = true;
  watched = watch::each;
  for (spawned_base* s = first(); s; s = after(*s)) asked.ask(*s);
}

void spawned_base::add_further_joiner(linked_work& w) noexcept {
  linked_work* const first = first_joiner();
  const bool alone = !first->next || first->next == first;
  linked_work* const last = alone ? first : first->previous;
  w.next = first;
  w.previous = last;
  last->next = &w;
  first->previous = &w;
}

void spawned_base::add_joiner_of_another_runtime(linked_work& w) noexcept {
  check_wake(*home);
  add_joiner(w);
  if (first_joiner() == &w) w.next = nullptr;
}

void spawned_base::remove_joiner(linked_work& w) noexcept {
  if (!w.next || w.next == &w) {
    context = nullptr;
    return;
  }
  if (first_joiner() == &w) context = static_cast<linked_work*>(w.next);
  w.unlink();
  linked_work* const first = first_joiner();
  if (first->next == first && waiter_of(*first).of->home != home) first->next = nullptr;
}

void spawned_base::wake_each(linked_work& first) noexcept {
  work* w = &first;
  do {
    work* after = w->next;
    make_ready(*w);
    w = after;
  } while (w && w != &first);
}

void spawned_base::tell(task_owner& from) noexcept {
  next_sibling = previous_sibling = nullptr;  // (see gone_with_error)
  if (end != ending::value || from.watched == task_owner::watch::each)
    from.child_ended(from, *this);
  if (!from.live && from.all_ended) from.all_ended(from);
}

void spawned_base::gone_with_error() noexcept {
  if (next_sibling) unlink_sibling();  // out of root::failed_
  std::exception_ptr& error = own_type().error(*this);
  if (end == ending::error) home->fail(error);
  std::destroy_at(&error);
}

void no_value(spawned_base& s) {
  if (s.has_error()) {
    s.has_been_told();
    std::rethrow_exception(s.own_type().error(s));
  }
  if (s.end == ending::stopped) throw stopped_error();
  misuse("a joined task's value is taken twice");
}

// ---- What waits --------------------------------------------------------------------------------

namespace {

/// Calls `f(chain, depth)` for this one and all below it that wait, each before what is below.
/// (With a list of its own: scopes may nest 10^5 deep.)
template <class F>
void for_each_waiting(const chain& outermost, F f) {
  struct level {
    const chain* of;
    std::size_t depth;
  };
  std::vector<level> left{{&outermost, 0}};
  while (!left.empty()) {
    const level at = left.back();
    left.pop_back();
    if (!at.of->leaf || at.of->end != ending::none) continue;
    f(*at.of, at.depth);
    const auto visit = wait_type_of(*at.of->leaf).visit;
    if (!visit) continue;
    struct below {
      std::vector<level>& to;
      std::size_t depth;
    } inside{left, at.depth + 1};
    const auto first = static_cast<std::ptrdiff_t>(left.size());
    visit(*at.of->leaf, &inside, [](void* x, const chain& inner) {
      const auto& b = *static_cast<below*>(x);
      b.to.push_back({&inner, b.depth});
    });
    std::reverse(left.begin() + first, left.end());
  }
}

}  // namespace

// ---- The root ----------------------------------------------------------------------------------

root::root(loop& home) noexcept : home_(home) {
  children.child_ended = &child_ended;
  home.settle_base = &settle;
  home.frames = frames_of_thread = &frames_;  // (it is made while its loop runs)
}

root::~root() {
  while (failed_.next_sibling != &failed_) {  // nobody is left to be told
    auto& s = static_cast<spawned_base&>(*failed_.next_sibling);
    s.unlink_sibling();
    s.next_sibling = s.previous_sibling = nullptr;
    s.has_been_told();
  }
  home_.frames = &no_frames;
  frames_.give_back_all();
}

root& root::make(loop& l) {
  l.tasks = std::make_unique<root>(l);
  return static_cast<root&>(*l.tasks);
}

void root::main_began(chain& main) noexcept {
  main_ = &main;
}

void root::main_ended() noexcept {
  main_ = nullptr;
}

void root::child_ended(task_owner& owner, spawned_base& child) noexcept {
  root& self = *static_cast<root*>(child.home->tasks.get());
  self.home_.background_tasks -= child.background;
  if (child.end == ending::error) child.link_sibling(self.failed_);
  // Main, whose locals the spawned tasks may use, is asked when those have ended.
  if (owner.stopping && !owner.live && self.main_) {
    ask_list asked(self.abandoned_);
    asked.ask(*self.main_);
    asked.run();
  }
}

void root::stop(bool forced) noexcept {
  ask_list asked(forced);
  children.ask_children(asked);
  if (main_ && (forced || !children.live)) asked.ask(*main_);
  asked.run();
}

void root::stop_background() noexcept {
  children.stopping = true;
  children.watched = task_owner::watch::each;
  ask_list asked(false);
  for (spawned_base* s = children.first(); s; s = children.after(*s)) {
    if (s->background) asked.ask(*s);
  }
  asked.run();
}

/// (All frames that there are: none is made any more, and one that is marked does not go on.)
void root::abandon() noexcept {
  const bool again = std::exchange(abandoned_, true);
  const auto mark = [again](const chain& c, std::size_t) {
    for (promise_base* p = &waiter_of(*c.leaf); p; p = p->parent)
      p->unwinding = promise_base::unwound::abandoned;
    if (again && !wait_type_of(*c.leaf).visit) make_stopped(*c.leaf);
  };
  if (main_) for_each_waiting(*main_, mark);
  for (const spawned_base* s = children.first(); s; s = children.after(*s))
    for_each_waiting(*s, mark);
  ask_list asked(true);
  children.ask_children(asked);
  if (main_ && !children.live) asked.ask(*main_);
  asked.run();
}

void root::give_back_surplus() noexcept {
  frames_.give_back_surplus();
}

std::string root::describe() const {
  std::string out;
  if (main_) detail::describe(out, *main_, "\n  main: ");
  // Ten thousand that wait alike are one line.
  std::string last;
  std::size_t alike = 0;
  const auto say_last = [&] {
    if (!alike) return;
    out +=
        alike == 1 ? "\n  a spawned task: " : "\n  " + std::to_string(alike) + " spawned tasks: ";
    out += last;
  };
  for (const spawned_base* s = children.first(); s; s = children.after(*s)) {
    std::string next;
    detail::describe(next, *s, "");
    if (next.empty()) continue;  // it waits for nothing
    if (next != last) {
      say_last();
      last = std::move(next);
      alike = 0;
    }
    ++alike;
  }
  say_last();
  return out;
}

namespace {
void add_place(std::string& out, const promise_base& p) {
  const char* file = std::strrchr(p.where.file_name(), '/');
  out += file ? file + 1 : p.where.file_name();
  out += ':';
  out += std::to_string(p.where.line());
}
}  // namespace

void describe_wait(std::string& out, const work& leaf) {
  out += wait_type_of(leaf).name;
  const promise_base* innermost = &waiter_of(leaf);
  for (const promise_base* p = innermost; p; p = p->parent) {
    if (p->where.line() == 0) continue;
    out += p == innermost ? " at " : " < ";
    add_place(out, *p);
  }
}

void destroyed_under(const work& leaf, const char* sentence) noexcept {
  std::string subject;
  describe_wait(subject, leaf);
  const loop* l = current_loop;
  if (l && l->unwinding && l->unwinding->where.line() != 0) {
    subject += "; it went with a frame that was stopped at ";
    add_place(subject, *l->unwinding);
  }
  std::exception_ptr on_its_way = std::current_exception();
  if (!on_its_way && l && l->on_its_way) on_its_way = *l->on_its_way;
  misuse(sentence, subject.c_str(), on_its_way);
}

void describe(std::string& out, const chain& c, const char* title) {
  constexpr std::size_t deepest_indent = 16;
  for_each_waiting(c, [&](const chain& at, std::size_t depth) {
    if (depth) {
      out += '\n';
      out.append(2 + 4 * std::min(depth, deepest_indent), ' ');
    } else {
      out += title;
    }
    describe_wait(out, *at.leaf);
  });
}

}  // namespace eddy::detail
