// Forms: references, loops, lambdas, conditions, exceptions, and what a task returns.
#include "lifetime.h"

#include <functional>
#include <map>

using namespace canary;

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
FORM_BAD_ON_GCC12(lambda_that_captures_a_result) {
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
FORM_BAD_ON_GCC12(choice_of_tasks) {
  co_await (yes() ? take(tracked(1)) : take(tracked(2)));
}
FORM_BAD_ON_GCC12(choice_as_an_argument) {
  co_await take(yes() ? tracked(1) : tracked(2));
}
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
  for (tracked i = co_await make(0); i.value < (co_await make(2)).value;
       i.value += (co_await make(1)).value) {
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
FORM_BAD_IF(throw_a_result, gcc12 || clang_leaks) {
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

task<tracked> return_an_await() {
  co_return co_await make(1);
}
task<aggregate> return_an_aggregate() {
  co_return aggregate{tracked(1), co_await make(2)};
}
task<aggregate> return_braces() {
  tracked a(1);
  co_return {a, co_await make(2)};
}
task<aggregate> return_an_aggregate_without_await() {
  co_await point();
  co_return aggregate{tracked(1), tracked(2)};
}
task<std::pair<tracked, tracked>> return_a_pair() {
  co_return {co_await make(1), tracked(2)};
}
task<tracked> return_a_choice() {
  co_return yes() ? co_await make(1) : tracked(3);
}
task<std::optional<tracked>> return_an_optional() {
  co_return co_await make(1);
}
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
