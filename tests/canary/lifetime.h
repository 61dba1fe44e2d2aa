// What the lifetime canaries count with: objects that know where they live, places where a form can be stopped, and the
// list of forms. A form is an ordinary function written in one way that users write; it must construct and destroy each
// object exactly once, whether it completes or is stopped at any of its suspensions.
#pragma once

#include <set>
#include <string>
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

namespace canary {

using eddy::task;

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

/// The text of a string that does not fit into the small buffer: a second destruction is a second free.
inline std::string long_text(const char* begin) { return std::string(begin) + ", and a lot more than fits into the object"; }

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
  registered(const char* name, task<> (*body)(), bool bad) { forms().push_back(form{name, body, bad}); }
};

}  // namespace canary

#define CANARY_FORM_AS(NAME, BAD)                                       \
  static ::eddy::task<> NAME();                                         \
  static const ::canary::registered NAME##_registered(#NAME, NAME, BAD); \
  static ::eddy::task<> NAME()
/// FORM(name) { body }: right on every compiler.
#define FORM(NAME) CANARY_FORM_AS(NAME, false)
/// g++ 12 is known to make it wrong. A compiler that no longer does (or another that does) is reported.
#define FORM_BAD_ON_GCC12(NAME) CANARY_FORM_AS(NAME, EDDY_CANARY_GCC12 != 0)
