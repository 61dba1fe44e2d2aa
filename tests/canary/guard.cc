// What the guard against g++ 12 takes and refuses, by type (coro/detail/guard.h): ordinary
// arguments must pass everywhere, what is destroyed twice is refused there and nowhere else. (That
// refusing stops the build: tests/compile_fail/gcc12_*.)
#include <eddy/coro/detail/guard.h>

#include <array>
#include <cstdio>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace {

struct options {
  int first;
  double second;
};
struct message {
  int number;
  std::string text;
};
class letter {
 public:
  explicit letter(std::string text) : text_(std::move(text)) {}

 private:
  std::string text_;
};
class final_letter final {
 public:
  explicit final_letter(std::string text) : text_(std::move(text)) {}

 private:
  std::string text_;
};
class interface {
 public:
  interface() = default;
  interface(const interface&) = delete;
  interface& operator=(const interface&) = delete;
  virtual ~interface() = default;
  virtual void work() = 0;
};
class overloaded {
 public:
  explicit overloaded(std::string text) : text_(std::move(text)) {}
  void operator()(int) const {}
  void operator()(long) const {}

 private:
  std::string text_;
};
class final_callable final {
 public:
  explicit final_callable(std::string text) : text_(std::move(text)) {}
  void operator()() const {}

 private:
  std::string text_;
};

template <class... T>
constexpr bool pass = (eddy::detail::safe_temporary<T> && ...);
/// Refused, on g++ 12; as temporaries that are constant, and as rvalue references. Named, they
/// pass.
template <class... T>
constexpr bool refused_there =
    ((eddy::detail::safe_temporary<T> == !eddy::detail::compiler_destroys_twice) && ...) &&
    ((eddy::detail::safe_temporary<const T> == !eddy::detail::compiler_destroys_twice) && ...) &&
    ((eddy::detail::safe_temporary<T&&> == !eddy::detail::compiler_destroys_twice) && ...) &&
    pass<T&..., const T&...>;

static_assert(pass<int, double*, options, std::nullptr_t, std::size_t&>);
static_assert(pass<int (*)(int), int (&)(int), void (letter::*)(), int message::*>);
static_assert(
    pass<std::string, std::vector<message>, std::map<int, std::string>, std::optional<message>>);
static_assert(pass<std::pair<int, std::string>, std::tuple<std::string, message>,
                   std::reference_wrapper<message>>);
static_assert(pass<std::unique_ptr<message>, std::shared_ptr<interface>, std::thread,
                   std::future<int>, std::exception_ptr>);
static_assert(pass<letter, const letter, letter&&, final_letter, std::array<int, 2>>);

static_assert(refused_there<message, std::array<std::string, 2>>);
static_assert(refused_there<overloaded, final_callable, std::function<void()>>);

}  // namespace

int main() {
  std::string text = "text";
  int number = 1;
  auto owner = std::make_unique<int>(number);

  auto captureless = [] { return 1; };
  auto generic = [](auto x) { return x; };
  auto with_reference = [&text, number] { return text.size() + static_cast<std::size_t>(number); };
  static_assert(pass<decltype(captureless), decltype(generic), decltype(with_reference)>);

  auto with_text = [text] { return text.size(); };
  auto that_changes = [text]() mutable { return std::exchange(text, std::string()); };
  auto generic_with_text = [text](auto x) { return text.size() + x; };
  auto with_owner = [owner = std::move(owner)] { return *owner; };
  static_assert(refused_there<decltype(with_text), decltype(that_changes),
                              decltype(generic_with_text), decltype(with_owner)>);

  const bool right = captureless() == 1 && generic(1) == 1 && with_reference() == 5 &&
                     with_text() == 4 && that_changes().size() == 4 && generic_with_text(1U) == 5 &&
                     with_owner() == 1;
  std::printf("the guard is %s\n", eddy::detail::compiler_destroys_twice ? "on" : "off");
  return right ? 0 : 1;
}
