// Forms: arguments, aggregates, arrays, and the standard library, beside an await.
#include "lifetime.h"

#include <map>

using namespace canary;

// ---- Arguments ----

FORM(argument_by_value) {
  co_await take(tracked(1));
}
FORM(argument_by_reference) {
  co_await take_reference(tracked(1));
}
FORM(argument_by_rvalue_reference) {
  co_await take_rvalue(tracked(1));
}
FORM(argument_beside_an_await) {
  co_await take_two(tracked(1), co_await make(2));
}
FORM(arguments_from_awaits) {
  co_await take_two(co_await make(1), co_await make(2));
}
FORM(argument_nested) {
  co_await take(co_await make((co_await make(1)).value));
}
FORM(call_beside_an_await) {
  use_two(tracked(1), co_await make(2));
}
FORM(call_with_awaits) {
  use_two(co_await make(1), co_await make(2));
}
FORM(argument_through_a_function) {
  co_await take_reference(itself(tracked(1)));
}
FORM(argument_pointer) {
  co_await take_pointer(std::make_unique<tracked>(1));
}
FORM(argument_pair) {
  co_await take_pair({tracked(1), tracked(2)});
}
FORM(argument_tuple) {
  co_await take_tuple({tracked(1), tracked(2)});
}
FORM(argument_optional) {
  co_await take_optional(tracked(1));
}
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
FORM(argument_class) {
  co_await take_class(with_constructor(tracked(1), tracked(2)));
}
FORM(argument_class_in_braces) {
  co_await take_class({tracked(1), tracked(2)});
}
FORM(argument_options_by_default) {
  co_await take_trivial_options(tracked(1));
}
FORM(argument_options_designated) {
  co_await take_trivial_options(tracked(1), {.first = 3});
}
FORM_BAD_ON_GCC12(argument_options_with_a_string_by_default) {
  co_await take_text_options(tracked(1));
}
FORM_BAD_ON_GCC12(argument_options_with_a_string_designated) {
  co_await take_text_options(tracked(1), {.first = 3, .second = long_text("a")});
}
FORM(member_of_a_temporary) {
  co_await object(tracked(1)).use_it();
}
FORM(member_of_a_temporary_chained) {
  co_await object(tracked(1)).with(tracked(2)).use_it(tracked(3));
}
FORM_BAD_ON_GCC12(member_of_an_aggregate_temporary) {
  co_await aggregate_object{tracked(1)}.use_it();
}
FORM(member_of_a_local) {
  object here(tracked(1));
  co_await here.use_it(tracked(2));
}

// ---- Aggregates ----

FORM_BAD_ON_GCC12(aggregate_argument) {
  co_await take_aggregate(aggregate{tracked(1), tracked(2)});
}
FORM_BAD_ON_GCC12(aggregate_argument_in_braces) {
  co_await take_aggregate({tracked(1), tracked(2)});
}
FORM_BAD_ON_GCC12(aggregate_argument_of_named) {
  tracked a(1);
  tracked b(2);
  co_await take_aggregate({a, b});
}
FORM_BAD_ON_GCC12(aggregate_argument_designated) {
  co_await take_aggregate({.first = tracked(1), .second = tracked(2)});
}
FORM_BAD_ON_GCC12(aggregate_by_reference) {
  co_await take_aggregate_reference({tracked(1), tracked(2)});
}
FORM_BAD_ON_GCC12(aggregate_argument_of_awaits) {
  co_await take_aggregate(aggregate{co_await make(1), co_await make(2)});
}
FORM_BAD_ON_GCC12(aggregate_argument_std_array) {
  co_await take_array({tracked(1), tracked(2)});
}
FORM(aggregate_named_as_argument) {
  aggregate a{tracked(1), tracked(2)};
  co_await take_aggregate(a);
}
FORM(aggregate_moved_as_argument) {
  aggregate a{tracked(1), tracked(2)};
  co_await take_aggregate(std::move(a));
}
FORM(aggregate_from_a_function) {
  co_await take_aggregate(make_aggregate_now());
}
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
FORM_BAD_IF(new_of_an_await, gcc12 || clang_leaks) {
  std::unique_ptr<tracked> p(new tracked(co_await make(1)));
  co_await point();
  p->check();
}
FORM(make_unique_of_an_await) {
  auto p = std::make_unique<tracked>(co_await make(1));
  co_await point();
  p->check();
}
FORM_BAD_IF(new_aggregate_of_an_await, gcc12 || clang_leaks) {
  std::unique_ptr<aggregate> p(new aggregate{tracked(1), co_await make(2)});
  co_await point();
  p->first.check();
}
#if !EDDY_CANARY_GCC12  // (g++ 12 refuses it: "array used as initializer")
FORM(vector_argument_in_braces) {
  co_await take_vector({tracked(1), tracked(2)});
}
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
  const std::string s =
      std::string("a prefix longer than the small buffer ") + co_await make_text("x") + " tail";
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
