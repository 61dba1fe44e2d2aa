// What the lifetime canaries count with: objects that know where they live, places where a form can
// be stopped, and the list of forms. A form is an ordinary function written in one way that users
// write; it must construct and destroy each object exactly once, whether it completes or is stopped
// at any of its suspensions.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <eddy/coro/run.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/coro/yield.h>

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#define EDDY_CANARY_GCC12 1
#else
#define EDDY_CANARY_GCC12 0
#endif
#if defined(__clang__)
#if __has_feature(address_sanitizer)
#define EDDY_CANARY_CLANG_SEES_LEAKS 1
#endif
#endif
#ifndef EDDY_CANARY_CLANG_SEES_LEAKS
#define EDDY_CANARY_CLANG_SEES_LEAKS 0
#endif

namespace canary {

using eddy::task;

inline constexpr bool gcc12 = EDDY_CANARY_GCC12 != 0;
/// Clang forgets memory that it has got for an object (`new`, `throw`), where the task is stopped
/// while it waits for what the object is made of. No object is lost, and AddressSanitizer alone
/// sees it.
inline constexpr bool clang_leaks = EDDY_CANARY_CLANG_SEES_LEAKS != 0;

/// Knows which of its objects are alive; each wrong step is counted.
class tracked {
 public:
  explicit tracked(int v) : value(v) { begin(); }
  tracked(const tracked& other) : value(other.value) {
    other.check();
    begin();
  }
  tracked(tracked&& other) noexcept : value(other.value) {
    other.check();
    begin();
  }
  tracked& operator=(const tracked& other) {
    check();
    other.check();
    value = other.value;
    return *this;
  }
  ~tracked() {
    if (alive().erase(this) == 0) ++errors;  // destroyed twice, or never made
    value = -777;
  }

  /// Is it alive? For each use.
  void check() const {
    if (!alive().contains(this)) ++errors;
  }

  static std::set<const void*>& alive() {
    static std::set<const void*> objects;
    return objects;
  }
  inline static int errors = 0;
  int value;

 private:
  void begin() const {
    if (!alive().insert(this).second) ++errors;  // made where one is alive
  }
};

/// The text of a string that does not fit into the small buffer: a second destruction is a second
/// free.
inline std::string long_text(const char* begin) {
  return std::string(begin) + ", and a lot more than fits into the object";
}

/// Something else must hold for the form to be right.
inline void require(bool good) {
  if (!good) ++tracked::errors;
}

// ---- Stopping at a place ----

enum class how_to_stop { never, before_it_suspends, while_suspended };

inline int places = 0;  // passed by this run
inline int stop_at = 0;
inline how_to_stop stop_how = how_to_stop::never;
inline eddy::join_handle<void>* under_test = nullptr;

/// Before each suspension of a form: here it may be asked to stop.
inline void place() {
  if (++places != stop_at) return;
  if (stop_how == how_to_stop::before_it_suspends) {
    under_test->cancel();
  } else {
    eddy::runtime::current().next_tick([] { under_test->cancel(); });
  }
}

/// A suspension.
inline auto point() {
  place();
  return eddy::yield();
}

// ---- The list ----

struct form {
  const char* name;
  task<> (*body)();
  bool bad_here;  // on this compiler, as documented
};

inline std::vector<form>& forms() {
  static std::vector<form> all;
  return all;
}

struct registered {
  registered(const char* name, task<> (*body)(), bool bad) {
    forms().push_back(form{name, body, bad});
  }
};

// ---- What forms are made of ----

inline task<tracked> make(int value) {
  co_await point();
  co_return tracked(value);
}
inline task<std::string> make_text(const char* begin) {
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

inline task<> take(tracked a) {
  a.check();
  co_await point();
  a.check();
}
inline task<> take_reference(const tracked& a) {
  a.check();
  co_await point();
  a.check();
}
inline task<> take_rvalue(tracked&& a) {
  a.check();
  co_await point();
  a.check();
}
inline task<> take_two(tracked a, tracked b) {
  co_await point();
  a.check();
  b.check();
}
inline task<> take_aggregate(aggregate a) {
  a.first.check();
  co_await point();
  a.second.check();
}
inline task<> take_aggregate_reference(const aggregate& a) {
  a.first.check();
  co_await point();
  a.second.check();
}
inline task<> take_class(with_constructor a) {
  co_await point();
  a.first.check();
}
inline task<> take_array(std::array<tracked, 2> a) {
  co_await point();
  a[1].check();
}
inline task<> take_pair(std::pair<tracked, tracked> a) {
  co_await point();
  a.first.check();
}
inline task<> take_tuple(std::tuple<tracked, tracked> a) {
  co_await point();
  std::get<1>(a).check();
}
inline task<> take_optional(std::optional<tracked> a) {
  co_await point();
  a->check();
}
inline task<> take_vector(std::vector<tracked> a) {
  co_await point();
  for (auto& each : a) each.check();
}
inline task<> take_pointer(std::unique_ptr<tracked> a) {
  co_await point();
  a->check();
}
inline task<std::size_t> take_texts(std::string a, std::string b) {
  co_await point();
  co_return a.size() + b.size();
}
inline task<> take_trivial_options(tracked a, trivial_options options = {}) {
  co_await point();
  a.check();
  require(options.second == 2);
}
inline task<> take_text_options(tracked a, text_options options = {}) {
  co_await point();
  a.check();
  require(options.second.size() != 1);
}
template <class F>
inline task<> call(F function) {
  co_await point();
  function();
}
inline task<std::vector<tracked>> make_vector() {
  co_await point();
  std::vector<tracked> made;
  made.emplace_back(1);
  made.emplace_back(2);
  co_return made;
}
inline task<std::pair<tracked, tracked>> make_pair_later() {
  co_await point();
  co_return std::pair<tracked, tracked>(1, 2);
}
inline task<aggregate> make_aggregate() {
  co_await point();
  tracked a(1);
  tracked b(2);
  aggregate made{a, b};
  co_return made;
}
inline task<tracked> fail_later() {
  tracked here(1);
  co_await point();
  throw std::runtime_error("as agreed");
  co_return here;
}
inline void use(const tracked& a) {
  a.check();
}
inline void use_two(tracked a, tracked b) {
  a.check();
  b.check();
}
inline tracked fail() {
  throw std::runtime_error("as agreed");
}
inline const tracked& itself(const tracked& a) {
  a.check();
  return a;
}
inline aggregate make_aggregate_now() {
  return aggregate{tracked(1), tracked(2)};
}

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

inline bool yes() {
  return true;
}
inline bool no() {
  return false;
}

}  // namespace canary

/// FORM_BAD_IF(name, where) { body }: known to go wrong there. A compiler that no longer fails (or
/// another that does) is reported.
#define FORM_BAD_IF(NAME, WHERE)                                           \
  static ::eddy::task<> NAME();                                            \
  static const ::canary::registered NAME##_registered(#NAME, NAME, WHERE); \
  static ::eddy::task<> NAME()
/// Right on every compiler.
#define FORM(NAME) FORM_BAD_IF(NAME, false)
/// Destroyed twice by g++ 12, or worse.
#define FORM_BAD_ON_GCC12(NAME) FORM_BAD_IF(NAME, ::canary::gcc12)
