// Ordinary ways to write coroutine code, each run to its end, and stopped at each of its suspensions: everything must be
// made and destroyed once. The forms that g++ 12 makes wrong (upstream bug 99576 and relatives) are marked, and they are
// the documented list: a form that has become good or bad is a failure. A plain program: run.sh builds it in each mode.
#include "lifetime.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <tuple>

#include <sys/wait.h>
#include <unistd.h>

#include <eddy/runtime/runtime.h>

using namespace canary;
using namespace eddy;

// ---- What the forms are made of ----

namespace {

task<tracked> make(int value) {
  co_await point();
  co_return tracked(value);
}
task<std::string> make_text(const char* begin) {
  co_await point();
  co_return long_text(begin);
}

struct aggregate {
  tracked first;
  tracked second;
};
struct with_constructor {
  with_constructor(tracked a, tracked b) : first(std::move(a)), second(std::move(b)) {}
  tracked first;
  tracked second;
};
struct trivial_options {
  int first = 1;
  int second = 2;
};
struct text_options {
  int first = 1;
  std::string second;
};

task<> take(tracked a) {
  a.check();
  co_await point();
  a.check();
}
task<> take_reference(const tracked& a) {
  a.check();
  co_await point();
  a.check();
}
task<> take_rvalue(tracked&& a) {
  a.check();
  co_await point();
  a.check();
}
task<> take_two(tracked a, tracked b) {
  co_await point();
  a.check();
  b.check();
}
task<> take_aggregate(aggregate a) {
  a.first.check();
  co_await point();
  a.second.check();
}
task<> take_aggregate_reference(const aggregate& a) {
  a.first.check();
  co_await point();
  a.second.check();
}
task<> take_class(with_constructor a) {
  co_await point();
  a.first.check();
}
task<> take_array(std::array<tracked, 2> a) {
  co_await point();
  a[1].check();
}
task<> take_pair(std::pair<tracked, tracked> a) {
  co_await point();
  a.first.check();
}
task<> take_tuple(std::tuple<tracked, tracked> a) {
  co_await point();
  std::get<1>(a).check();
}
task<> take_optional(std::optional<tracked> a) {
  co_await point();
  a->check();
}
task<> take_vector(std::vector<tracked> a) {
  co_await point();
  for (auto& each : a) each.check();
}
task<> take_pointer(std::unique_ptr<tracked> a) {
  co_await point();
  a->check();
}
task<std::size_t> take_texts(std::string a, std::string b) {
  co_await point();
  co_return a.size() + b.size();
}
task<> take_trivial_options(tracked a, trivial_options options = {}) {
  co_await point();
  a.check();
  require(options.second == 2);
}
task<> take_text_options(tracked a, text_options options = {}) {
  co_await point();
  a.check();
  require(options.second.size() != 1);
}
template <class F>
task<> call(F function) {
  co_await point();
  function();
}
task<std::vector<tracked>> make_vector() {
  co_await point();
  std::vector<tracked> made;
  made.emplace_back(1);
  made.emplace_back(2);
  co_return made;
}
task<std::pair<tracked, tracked>> make_pair_later() {
  co_await point();
  co_return std::pair<tracked, tracked>(1, 2);
}
task<aggregate> make_aggregate() {
  co_await point();
  tracked a(1);
  tracked b(2);
  aggregate made{a, b};
  co_return made;
}
task<tracked> fail_later() {
  tracked here(1);
  co_await point();
  throw std::runtime_error("as agreed");
  co_return here;
}
void use(const tracked& a) { a.check(); }
void use_two(tracked a, tracked b) {
  a.check();
  b.check();
}
tracked fail() { throw std::runtime_error("as agreed"); }
const tracked& itself(const tracked& a) {
  a.check();
  return a;
}
aggregate make_aggregate_now() { return aggregate{tracked(1), tracked(2)}; }

class object {
 public:
  explicit object(tracked a) : inside(std::move(a)) {}
  object& with(tracked a) {
    a.check();
    return *this;
  }
  task<> use_it() {
    inside.check();
    co_await point();
    inside.check();
  }
  task<> use_it(tracked a) {
    co_await point();
    inside.check();
    a.check();
  }
  tracked inside;
};
struct aggregate_object {
  tracked inside;
  task<> use_it() {
    inside.check();
    co_await point();
    inside.check();
  }
};
struct at_exit {
  explicit at_exit(tracked a) : inside(std::move(a)) {}
  at_exit(const at_exit&) = delete;
  at_exit& operator=(const at_exit&) = delete;
  ~at_exit() { inside.check(); }
  tracked inside;
};

bool yes() { return true; }
bool no() { return false; }

}  // namespace

// ---- Arguments ----

FORM(argument_by_value) { co_await take(tracked(1)); }
FORM(argument_by_reference) { co_await take_reference(tracked(1)); }
FORM(argument_by_rvalue_reference) { co_await take_rvalue(tracked(1)); }
FORM(argument_beside_an_await) { co_await take_two(tracked(1), co_await make(2)); }
FORM(arguments_from_awaits) { co_await take_two(co_await make(1), co_await make(2)); }
FORM(argument_nested) { co_await take(co_await make((co_await make(1)).value)); }
FORM(call_beside_an_await) { use_two(tracked(1), co_await make(2)); }
FORM(call_with_awaits) { use_two(co_await make(1), co_await make(2)); }
FORM(argument_through_a_function) { co_await take_reference(itself(tracked(1))); }
FORM(argument_pointer) { co_await take_pointer(std::make_unique<tracked>(1)); }
FORM(argument_pair) { co_await take_pair({tracked(1), tracked(2)}); }
FORM(argument_tuple) { co_await take_tuple({tracked(1), tracked(2)}); }
FORM(argument_optional) { co_await take_optional(tracked(1)); }
FORM(argument_strings) {
  const std::string text = long_text("a");
  const std::size_t size = co_await take_texts(text + "x", text + "y");
  require(size == 2 * text.size() + 2);
}
FORM(argument_vector_moved) {
  std::vector<tracked> v;
  v.emplace_back(1);
  co_await take_vector(std::move(v));
}
FORM(argument_class) { co_await take_class(with_constructor(tracked(1), tracked(2))); }
FORM(argument_class_in_braces) { co_await take_class({tracked(1), tracked(2)}); }
FORM(argument_options_by_default) { co_await take_trivial_options(tracked(1)); }
FORM(argument_options_designated) { co_await take_trivial_options(tracked(1), {.first = 3}); }
FORM_BAD_ON_GCC12(argument_options_with_a_string_by_default) { co_await take_text_options(tracked(1)); }
FORM_BAD_ON_GCC12(argument_options_with_a_string_designated) {
  co_await take_text_options(tracked(1), {.first = 3, .second = long_text("a")});
}
FORM(member_of_a_temporary) { co_await object(tracked(1)).use_it(); }
FORM(member_of_a_temporary_chained) { co_await object(tracked(1)).with(tracked(2)).use_it(tracked(3)); }
FORM_BAD_ON_GCC12(member_of_an_aggregate_temporary) { co_await aggregate_object{tracked(1)}.use_it(); }
FORM(member_of_a_local) {
  object here(tracked(1));
  co_await here.use_it(tracked(2));
}

// ---- Aggregates ----

FORM_BAD_ON_GCC12(aggregate_argument) { co_await take_aggregate(aggregate{tracked(1), tracked(2)}); }
FORM_BAD_ON_GCC12(aggregate_argument_in_braces) { co_await take_aggregate({tracked(1), tracked(2)}); }
FORM_BAD_ON_GCC12(aggregate_argument_of_named) {
  tracked a(1);
  tracked b(2);
  co_await take_aggregate({a, b});
}
FORM_BAD_ON_GCC12(aggregate_argument_designated) {
  co_await take_aggregate({.first = tracked(1), .second = tracked(2)});
}
FORM_BAD_ON_GCC12(aggregate_by_reference) { co_await take_aggregate_reference({tracked(1), tracked(2)}); }
FORM_BAD_ON_GCC12(aggregate_argument_of_awaits) {
  co_await take_aggregate(aggregate{co_await make(1), co_await make(2)});
}
FORM_BAD_ON_GCC12(aggregate_argument_std_array) { co_await take_array({tracked(1), tracked(2)}); }
FORM(aggregate_named_as_argument) {
  aggregate a{tracked(1), tracked(2)};
  co_await take_aggregate(a);
}
FORM(aggregate_moved_as_argument) {
  aggregate a{tracked(1), tracked(2)};
  co_await take_aggregate(std::move(a));
}
FORM(aggregate_from_a_function) { co_await take_aggregate(make_aggregate_now()); }
FORM_BAD_ON_GCC12(aggregate_of_awaits) {
  aggregate a{co_await make(1), co_await make(2)};
  a.first.check();
  co_await point();
}
FORM_BAD_ON_GCC12(aggregate_of_one_await) {
  aggregate a{tracked(1), co_await make(2)};
  a.first.check();
  co_await point();
}
FORM_BAD_ON_GCC12(aggregate_designated_await) {
  aggregate a{.first = co_await make(1), .second = tracked(2)};
  a.first.check();
  co_await point();
}
FORM_BAD_ON_GCC12(aggregate_assigned) {
  aggregate a{tracked(1), tracked(2)};
  a = aggregate{co_await make(3), tracked(4)};
  a.first.check();
}
FORM(class_of_awaits) {
  with_constructor c(co_await make(1), co_await make(2));
  c.first.check();
  co_await point();
}
FORM(class_of_awaits_in_braces) {
  with_constructor c{co_await make(1), co_await make(2)};
  c.first.check();
  co_await point();
}

// ---- Arrays, the standard library ----

FORM(array_local) {
  tracked a[2] = {tracked(1), tracked(2)};
  co_await point();
  a[1].check();
}
FORM_BAD_ON_GCC12(array_of_awaits) {
  tracked a[2] = {co_await make(1), co_await make(2)};
  a[0].check();
  co_await point();
  a[1].check();
}
FORM(std_array_local) {
  std::array<tracked, 2> a{tracked(1), tracked(2)};
  co_await point();
  a[0].check();
}
FORM_BAD_ON_GCC12(std_array_of_awaits) {
  std::array<tracked, 2> a{co_await make(1), co_await make(2)};
  a[0].check();
  co_await point();
}
FORM(pair_of_awaits) {
  auto p = std::make_pair(co_await make(1), co_await make(2));
  p.first.check();
  co_await point();
}
FORM(tuple_of_awaits) {
  std::tuple<tracked, tracked> p{co_await make(1), co_await make(2)};
  std::get<0>(p).check();
  co_await point();
}
FORM(optional_of_an_await) {
  std::optional<tracked> o = co_await make(1);
  o->check();
  o.emplace(co_await make(2));
  co_await point();
}
FORM(new_of_an_await) {
  std::unique_ptr<tracked> p(new tracked(co_await make(1)));
  co_await point();
  p->check();
}
FORM(make_unique_of_an_await) {
  auto p = std::make_unique<tracked>(co_await make(1));
  co_await point();
  p->check();
}
FORM_BAD_ON_GCC12(new_aggregate_of_an_await) {
  std::unique_ptr<aggregate> p(new aggregate{tracked(1), co_await make(2)});
  co_await point();
  p->first.check();
}
#if !EDDY_CANARY_GCC12  // (g++ 12 refuses it: "array used as initializer")
FORM(vector_argument_in_braces) { co_await take_vector({tracked(1), tracked(2)}); }
FORM(vector_of_awaits) {
  std::vector<tracked> v{co_await make(1), co_await make(2)};
  v[0].check();
  co_await point();
}
#endif
FORM(vector_local) {
  std::vector<tracked> v{tracked(1), tracked(2)};
  co_await point();
  v[0].check();
}
FORM(list_in_a_for) {
  for (const tracked& each : {tracked(1), tracked(2)}) {
    co_await point();
    each.check();
  }
}
FORM(assigned_to_a_local) {
  tracked a(0);
  a = co_await make(1);
  a.check();
  co_await point();
}
FORM(assigned_to_an_element) {
  std::vector<tracked> v(2, tracked(0));
  v[0] = co_await make(1);
  v[1].check();
  co_await point();
}
FORM(assigned_to_a_map) {
  std::map<std::string, std::string> m;
  m["a key that is longer than the small string"] = co_await make_text("x");
  co_await point();
}
FORM(pushed_back) {
  std::vector<tracked> v;
  v.push_back(co_await make(1));
  v.push_back(co_await make(2));
  co_await point();
}
FORM(emplaced_back) {
  std::vector<with_constructor> v;
  v.emplace_back(co_await make(1), tracked(2));
  co_await point();
}
FORM_BAD_ON_GCC12(aggregate_pushed_back) {
  std::vector<aggregate> v;
  v.push_back(aggregate{co_await make(1), tracked(2)});
  co_await point();
}
FORM(emplaced_in_a_map) {
  std::map<int, tracked> m;
  m.emplace(1, co_await make(1));
  m.insert({2, co_await make(1)});
  co_await point();
}
FORM(strings_added) {
  const std::string s = std::string("a prefix longer than the small buffer ") + co_await make_text("x") + " tail";
  require(s.size() > 60);
  co_await point();
}
FORM(strings_appended) {
  std::string s;
  s += co_await make_text("x");
  s += co_await make_text("y");
  require(s.size() > 60);
  co_await point();
}

// ---- References to temporaries ----

FORM(reference_to_a_temporary) {
  const tracked& r = tracked(1);
  co_await point();
  r.check();
}
FORM(reference_to_a_result) {
  const tracked& r = co_await make(1);
  co_await point();
  r.check();
}
FORM(forwarding_reference_to_a_result) {
  auto&& r = co_await make(1);
  co_await point();
  r.check();
}
FORM(reference_to_a_member_of_a_temporary) {
  const tracked& r = object(tracked(1)).inside;
  co_await point();
  r.check();
}
FORM(reference_to_a_member_of_an_aggregate) {
  const tracked& r = aggregate{tracked(1), tracked(2)}.first;
  co_await point();
  r.check();
}
FORM(reference_passed_on) {
  use(itself(co_await make(1)));
  use_two(itself(tracked(1)), co_await make(2));
  co_await point();
}

// ---- Loops and bindings ----

FORM(for_over_a_result) {
  for (auto& each : co_await make_vector()) {
    each.check();
    co_await point();
    each.check();
  }
}
FORM(for_with_a_result_named_in_it) {
  for (auto v = co_await make_vector(); auto& each : v) {
    co_await point();
    each.check();
  }
}
FORM(for_over_copies) {
  std::vector<tracked> v(2, tracked(1));
  for (auto each : v) {
    co_await point();
    each.check();
  }
}
FORM(for_over_a_map) {
  std::map<int, tracked> m;
  m.emplace(1, tracked(2));
  m.emplace(2, tracked(3));
  for (auto& [key, value] : m) {
    co_await point();
    value.check();
    require(key > 0);
  }
}
FORM(binding_to_a_result) {
  auto [a, b] = co_await make_pair_later();
  a.check();
  co_await point();
  b.check();
}
FORM(binding_by_reference) {
  const auto& [a, b] = co_await make_pair_later();
  a.check();
  co_await point();
  b.check();
}
FORM(binding_to_an_aggregate) {
  auto [a, b] = co_await make_aggregate();
  a.check();
  co_await point();
  b.check();
}
FORM(binding_in_a_loop) {
  for (int i = 0; i < 2; ++i) {
    auto [a, b] = co_await make_pair_later();
    a.check();
    co_await point();
    b.check();
  }
}

// ---- Lambdas ----

FORM(lambda_named) {
  tracked t(1);
  auto body = [t]() -> task<> {
    co_await point();
    t.check();
  };
  co_await body();
}
FORM_BAD_ON_GCC12(lambda_called_in_place) {
  tracked t(1);
  co_await [t]() -> task<> {
    co_await point();
    t.check();
  }();
}
FORM(lambda_called_in_place_with_a_reference) {
  tracked t(1);
  co_await [&t]() -> task<> {
    co_await point();
    t.check();
  }();
}
FORM(lambda_called_in_place_with_an_argument) {
  tracked t(1);
  co_await [](tracked x) -> task<> {
    co_await point();
    x.check();
  }(t);
}
FORM_BAD_ON_GCC12(lambda_argument) {
  tracked t(1);
  co_await call([t] { t.check(); });
}
FORM_BAD_ON_GCC12(lambda_argument_moved_into) {
  tracked t(1);
  co_await call([t = std::move(t)] { t.check(); });
}
FORM_BAD_ON_GCC12(lambda_argument_in_a_function) {
  tracked t(1);
  co_await call(std::function<void()>([t] { t.check(); }));
}
FORM(lambda_argument_with_a_reference) {
  tracked t(1);
  co_await call([&t] { t.check(); });
}
FORM(lambda_argument_named) {
  tracked t(1);
  auto f = [t] { t.check(); };
  co_await call(f);
}
FORM(lambda_argument_named_and_moved) {
  tracked t(1);
  auto f = [t] { t.check(); };
  co_await call(std::move(f));
}
FORM(lambda_argument_in_two_steps) {
  tracked t(1);
  auto later = call([t] { t.check(); });
  co_await std::move(later);
}
FORM(lambda_that_captures_a_result) {
  auto f = [t = co_await make(1)] { t.check(); };
  co_await point();
  f();
}

// ---- Conditions ----

FORM_BAD_ON_GCC12(choice_of_a_result) {
  tracked r = yes() ? co_await make(1) : tracked(2);
  r.check();
  co_await point();
}
FORM_BAD_ON_GCC12(choice_beside_a_result) {
  tracked r = no() ? co_await make(1) : tracked(2);
  r.check();
  co_await point();
}
FORM_BAD_ON_GCC12(choice_of_two_results) {
  tracked r = yes() ? co_await make(1) : co_await make(2);
  r.check();
  co_await point();
}
FORM_BAD_ON_GCC12(choice_of_tasks) { co_await (yes() ? take(tracked(1)) : take(tracked(2))); }
FORM_BAD_ON_GCC12(choice_as_an_argument) { co_await take(yes() ? tracked(1) : tracked(2)); }
FORM_BAD_ON_GCC12(choice_of_strings) {
  const std::string s = yes() ? co_await make_text("a") : long_text("b");
  require(s.size() > 10);
  co_await point();
}
FORM(choice_of_named) {
  tracked a(1);
  tracked b(2);
  co_await take(yes() ? a : b);
}
FORM(choice_of_numbers) {
  const int r = yes() ? (co_await make(1)).value : 2;
  require(r == 1);
  co_await point();
}
FORM(if_instead_of_a_choice) {
  tracked r(0);
  if (yes()) {
    r = co_await make(1);
  } else {
    r = tracked(2);
  }
  r.check();
  co_await point();
}
FORM(and_or) {
  tracked a(1);
  if (yes() && (co_await make(1)).value == 1) {
    tracked x(1);
    co_await point();
    x.check();
  }
  if (!yes() || (co_await make(2)).value == 3) ++tracked::errors;
}
FORM(while_condition) {
  int n = 0;
  while ((co_await make(n)).value < 2) ++n;
}
FORM(do_while_condition) {
  int n = 0;
  do {
    tracked x(n);
    co_await point();
    x.check();
  } while ((co_await make(++n)).value < 2);
}
FORM(for_conditions) {
  for (tracked i = co_await make(0); i.value < (co_await make(2)).value; i.value += (co_await make(1)).value) {
    tracked x(1);
    co_await point();
    x.check();
  }
}
FORM(switch_condition) {
  tracked a(1);
  switch ((co_await make(2)).value) {
    case 2: {
      tracked t(1);
      co_await point();
      t.check();
      break;
    }
    default:
      ++tracked::errors;
  }
}
FORM(if_with_an_initialiser) {
  if (tracked t = co_await make(4); t.value == 4) {
    co_await point();
    t.check();
  }
}
FORM(comma) {
  tracked r = (tracked(1), co_await make(2));
  r.check();
  co_await point();
}

// ---- Exceptions ----

FORM(try_all) {
  try {
    tracked a(1);
    co_await take(tracked(2));
    a.check();
  } catch (...) {
    ++tracked::errors;  // a stop is no exception
  }
}
FORM(await_after_a_catch) {
  tracked a(1);
  try {
    tracked b = co_await fail_later();
    b.check();
  } catch (std::runtime_error&) {
    tracked c(2);
    c.check();
  }
  co_await point();
  a.check();
}
FORM(throw_beside_an_await) {
  try {
    use_two(co_await make(1), fail());
  } catch (std::runtime_error&) {
    tracked c(2);
    c.check();
  }
  co_await point();
}
FORM(throw_a_result) {
  try {
    throw co_await make(1);
  } catch (tracked& t) {
    t.check();
  }
  co_await point();
}
FORM(destructor_at_exit) {
  at_exit a(tracked(1));
  co_await point();
  tracked b(2);
  co_await point();
  b.check();
}

// ---- Returning ----

namespace {

task<tracked> return_an_await() { co_return co_await make(1); }
task<aggregate> return_an_aggregate() { co_return aggregate{tracked(1), co_await make(2)}; }
task<aggregate> return_braces() {
  tracked a(1);
  co_return {a, co_await make(2)};
}
task<aggregate> return_an_aggregate_without_await() {
  co_await point();
  co_return aggregate{tracked(1), tracked(2)};
}
task<std::pair<tracked, tracked>> return_a_pair() { co_return {co_await make(1), tracked(2)}; }
task<tracked> return_a_choice() { co_return yes() ? co_await make(1) : tracked(3); }
task<std::optional<tracked>> return_an_optional() { co_return co_await make(1); }
task<tracked> return_a_local() {
  tracked t(1);
  co_await point();
  co_return t;
}

}  // namespace

FORM(returned_await) {
  tracked t = co_await return_an_await();
  t.check();
  co_await point();
}
FORM_BAD_ON_GCC12(returned_aggregate) {
  auto t = co_await return_an_aggregate();
  t.first.check();
  co_await point();
}
FORM_BAD_ON_GCC12(returned_braces) {
  auto t = co_await return_braces();
  t.first.check();
  co_await point();
}
FORM(returned_aggregate_without_await) {
  auto t = co_await return_an_aggregate_without_await();
  t.first.check();
  co_await point();
}
FORM(returned_pair) {
  auto t = co_await return_a_pair();
  t.first.check();
  co_await point();
}
FORM_BAD_ON_GCC12(returned_choice) {
  auto t = co_await return_a_choice();
  t.check();
  co_await point();
}
FORM(returned_optional) {
  auto t = co_await return_an_optional();
  t->check();
  co_await point();
}
FORM(returned_local) {
  auto t = co_await return_a_local();
  t.check();
  co_await point();
}

// ---- Running them ----

namespace {

enum verdict : int { good = 0, leaked = 1, destroyed_twice = 2, did_not_end = 4, crashed = 8 };

task<> watch(task<> (*body)(), int& result) {
  auto handle = spawn(body);
  under_test = &handle;
  auto end = co_await handle.join();
  if (!end.has_value() && (stop_how == how_to_stop::never || !end.stopped())) result |= did_not_end;
}

/// One run of a form; on a runtime of its own, on epoll: it is the compiler that is tested, not the kernel.
int run_once(const form& f, int at, how_to_stop how) {
  tracked::alive().clear();
  tracked::errors = 0;
  places = 0;
  stop_at = at;
  stop_how = how;
  int result = good;
  {
    runtime machine(runtime_options{.backend = backend_kind::epoll});
    run(machine, watch, f.body, std::ref(result));
  }
  if (!tracked::alive().empty()) result |= leaked;
  if (tracked::errors != 0) result |= destroyed_twice;
  return result;
}

struct findings {
  int completed = good;
  int stopped = good;
  int places = 0;
};

/// All runs of a form, in a process of its own: what has been destroyed twice may crash.
findings run_form(const form& f, bool quiet) {
  int channel[2];
  if (pipe(channel) != 0) std::abort();
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    if (quiet) std::freopen("/dev/null", "w", stderr);
    alarm(60);
    findings found;
    found.completed = run_once(f, 0, how_to_stop::never);
    found.places = places;
    for (int at = 1; at <= found.places; ++at) {
      found.stopped |= run_once(f, at, how_to_stop::before_it_suspends);
      found.stopped |= run_once(f, at, how_to_stop::while_suspended);
    }
    if (write(channel[1], &found, sizeof found) != sizeof found) std::abort();
    std::exit(0);  // (so that leaks of memory are looked for)
  }
  close(channel[1]);
  findings found;
  const bool told = read(channel[0], &found, sizeof found) == sizeof found;
  close(channel[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!told || status != 0) found.completed |= crashed;
  return found;
}

std::string in_words(int verdict) {
  std::string words;
  if ((verdict & crashed) != 0) words += " crash";
  if ((verdict & destroyed_twice) != 0) words += " destroyed-twice";
  if ((verdict & leaked) != 0) words += " leak";
  if ((verdict & did_not_end) != 0) words += " does-not-end";
  return words.empty() ? " good" : words;
}

}  // namespace

/// Without arguments: each form, silent about what is as expected. With names: those alone, with all their output.
int main(int count, char** names) {
  int bad = 0;
  int wrong = 0;
  int ran = 0;
  int places_in_all = 0;
  for (const form& f : forms()) {
    bool asked = count == 1;
    for (int i = 1; i < count; ++i) asked |= std::strcmp(names[i], f.name) == 0;
    if (!asked) continue;
    ++ran;
    const findings found = run_form(f, f.bad_here && count == 1);
    places_in_all += found.places;
    const bool is_bad = found.completed != good || found.stopped != good;
    bad += is_bad ? 1 : 0;
    if (is_bad != f.bad_here) ++wrong;
    if (is_bad != f.bad_here || count != 1) {
      std::printf("%s %s: completed:%s; stopped:%s%s\n", is_bad == f.bad_here ? "as expected" : "FAIL", f.name,
                  in_words(found.completed).c_str(), in_words(found.stopped).c_str(),
                  is_bad ? "" : ", but is on the list of what this compiler makes wrong");
    }
  }
  std::printf("%d forms, stopped at %d places; %d bad on this compiler; %d not as expected\n", ran, places_in_all, bad, wrong);
  return wrong != 0 || ran == 0;
}
