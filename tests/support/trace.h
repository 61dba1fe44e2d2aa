// A trace of what happened, in order, compared as text: "t1 > t1.next_tick > t2".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace eddy::test {

class trace {
 public:
  void operator()(std::string_view what) {
    if (!text_.empty()) text_ += " > ";
    text_ += what;
  }
  /// With a number behind: "tick 3".
  void operator()(std::string_view what, unsigned long long number) {
    (*this)(std::string(what) + " " + std::to_string(number));
  }
  const std::string& text() const { return text_; }
  void clear() { text_.clear(); }

 private:
  std::string text_;
};

/// Says when it is destroyed: for the order in which frames go.
class noted {
 public:
  noted(trace& log, std::string_view what) : log_(log), what_(what) {}
  noted(const noted&) = delete;
  noted& operator=(const noted&) = delete;
  ~noted() { log_(what_); }

 private:
  trace& log_;
  std::string what_;
};

}  // namespace eddy::test
