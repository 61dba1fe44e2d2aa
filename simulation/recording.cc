// Recordings as text: written, and read with a sentence for what does not fit.
#include "simulation/recording.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace eddy::detail {
namespace {

constexpr std::string_view heading = "eddy simulation 1";

bool is_plain(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '/' || c == ':';
}

/// Takes one line after the other apart.
class reader {
 public:
  reader(std::string_view text, std::string_view from) : text_(text), from_(from) {}

  bool next_line() {
    if (text_.empty()) return false;
    const std::size_t end = std::min(text_.find('\n'), text_.size());
    line_ = text_.substr(0, end);
    text_.remove_prefix(std::min(end + 1, text_.size()));
    ++number_;
    skip_spaces();
    return true;
  }
  bool at_end() const noexcept { return line_.empty(); }
  unsigned number() const noexcept { return number_; }
  std::string_view rest() const noexcept { return line_; }

  bool accept(std::string_view word) {
    if (line_.substr(0, word.size()) != word) return false;
    line_.remove_prefix(word.size());
    skip_spaces();
    return true;
  }
  void expect(std::string_view word) {
    if (!accept(word)) fail("expected \"" + std::string(word) + "\"");
  }

  std::uint64_t number_of(const char* what) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(line_.data(), line_.data() + line_.size(), value);
    if (error != std::errc()) fail("expected " + std::string(what) + ", a whole number");
    line_.remove_prefix(static_cast<std::size_t>(end - line_.data()));
    skip_spaces();
    return value;
  }

  std::string word(const char* what) {
    if (!line_.empty() && line_[0] == '"') return quoted();
    std::size_t size = 0;
    while (size < line_.size() && is_plain(line_[size])) ++size;
    if (!size) fail("expected " + std::string(what));
    std::string found(line_.substr(0, size));
    line_.remove_prefix(size);
    skip_spaces();
    return found;
  }

  std::int64_t time() {
    const std::uint64_t whole = number_of("a time in seconds");
    if (whole > 9'000'000'000) fail("a time beyond what there is");
    std::uint64_t fraction = 0;
    if (!line_.empty() && line_[0] == '.') {
      line_.remove_prefix(1);
      unsigned digits = 0;
      for (; !line_.empty() && line_[0] >= '0' && line_[0] <= '9'; line_.remove_prefix(1)) {
        if (++digits > 9) fail("a time has at most nine digits behind the point");
        fraction = fraction * 10 + static_cast<std::uint64_t>(line_[0] - '0');
      }
      for (; digits < 9; ++digits) fraction *= 10;
      skip_spaces();
    }
    expect("s");
    return static_cast<std::int64_t>(whole * 1'000'000'000 + fraction);
  }

  [[noreturn]] void fail(const std::string& sentence) const {
    throw std::invalid_argument("eddy: " + std::string(from_) + ", line " +
                                std::to_string(number_) + ": " + sentence);
  }

 private:
  void skip_spaces() noexcept {
    while (!line_.empty() && (line_[0] == ' ' || line_[0] == '\r')) line_.remove_prefix(1);
  }
  std::string quoted() {
    std::string found;
    line_.remove_prefix(1);
    for (;;) {
      if (line_.empty()) fail("a quote that does not end");
      char c = line_[0];
      line_.remove_prefix(1);
      if (c == '"') break;
      if (c == '\\') {
        if (line_.empty()) fail("a quote that does not end");
        c = line_[0] == 'n' ? '\n' : line_[0];
        line_.remove_prefix(1);
      }
      found += c;
    }
    skip_spaces();
    return found;
  }

  std::string_view text_;
  std::string_view from_;
  std::string_view line_;
  unsigned number_ = 0;
};

recorded_choice read_choice(reader& in) {
  recorded_choice c;
  c.line = in.number();
  c.time = in.time();
  // (A host that is named "-" stands in quotes.)
  if (!in.accept("- ")) c.host = in.word("a host's name");
  c.label = in.word("what was chosen");
  in.expect("#");
  const std::uint64_t k = in.number_of("how often it had been chosen before");
  if (k > 0xffffffff) in.fail("nothing is chosen so often");
  c.k = static_cast<std::uint32_t>(k);
  in.expect("=");
  c.value = in.number_of("the choice");
  in.expect("of");
  c.bound = in.number_of("the number of possibilities");
  if (c.bound < 2) in.fail("there are at least two possibilities, or nothing is chosen");
  if (c.value >= c.bound) {
    in.fail("the choice is " + std::to_string(c.value) + ", and the last one possible is " +
            std::to_string(c.bound - 1));
  }
  if (c.value == 0) in.fail("0 is what is not written down");
  return c;
}

}  // namespace

std::string seconds_text(std::int64_t nanoseconds) {
  std::string digits = std::to_string(nanoseconds % 1'000'000'000);
  digits.insert(0, 9 - digits.size(), '0');
  while (digits.size() > 3 && digits.back() == '0') digits.pop_back();
  return std::to_string(nanoseconds / 1'000'000'000) + "." + digits + " s";
}

std::string word_text(std::string_view word) {
  if (!word.empty() && word != "-" && std::all_of(word.begin(), word.end(), is_plain)) {
    return std::string(word);
  }
  std::string text = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text + '"';
}

std::string text_of(const recording& r) {
  std::string text(heading);
  text += '\n';
  if (!r.name.empty()) text += "name " + word_text(r.name) + '\n';
  text += "seed " + std::to_string(r.seed) + '\n';
  for (const recorded_choice& c : r.choices) {
    text += seconds_text(c.time) + "  " + (c.host.empty() ? "-" : word_text(c.host)) + "  " +
            word_text(c.label) + " #" + std::to_string(c.k) + " = " + std::to_string(c.value) +
            " of " + std::to_string(c.bound) + '\n';
  }
  return text;
}

recording parse_recording(std::string_view text, std::string_view from) {
  recording r;
  reader in(text, from);
  if (!in.next_line() || in.rest() != heading) {
    throw std::invalid_argument("eddy: " + std::string(from) +
                                " is no recording of a simulation: its first line is not \"" +
                                std::string(heading) + "\"");
  }
  while (in.next_line()) {
    if (in.at_end() || in.rest()[0] == '#') continue;
    if (in.accept("name ")) {
      r.name = in.word("a name");
    } else if (in.accept("seed ")) {
      r.seed = in.number_of("a seed");
    } else {
      r.choices.push_back(read_choice(in));
    }
    if (!in.at_end()) in.fail("too much: \"" + std::string(in.rest()) + "\"");
  }
  return r;
}

recording read_recording(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    throw std::invalid_argument("eddy: the recording " + file +
                                " cannot be read: " + std::generic_category().message(errno));
  }
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return parse_recording(text, file);
}

}  // namespace eddy::detail
