// The one place that ends the program for a caller's bug (runtime/detail/abort.h).
#include <cxxabi.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <typeinfo>

#include <eddy/runtime/detail/abort.h>

namespace eddy::detail {
namespace {

/// One line in a buffer of its own: neither stdio nor the heap may be in a state to be used.
class line {
 public:
  line() noexcept { add("eddy: "); }

  void add(const char* text) noexcept {
    // A line break in a subject would make two lines of one.
    for (; *text && size_ < characters_.size() - 1; ++text) {
      characters_[size_++] = *text == '\n' ? ' ' : *text;
    }
  }

  void add(std::uint_least32_t number) noexcept {
    std::array<char, 11> digits{};  // The last one stays the terminator.
    std::size_t first = digits.size() - 1;
    do {
      digits[--first] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number);
    add(&digits[first]);
  }

  void add(const std::type_info& type) noexcept {
    int status = 0;
    char* readable = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
    add(readable ? readable : type.name());
    std::free(readable);
  }
  void add_place(const std::source_location& where) noexcept {
    if (where.line() == 0) return;
    const char* file = std::strrchr(where.file_name(), '/');
    add(" (after ");
    add(file ? file + 1 : where.file_name());
    add(":");
    add(where.line());
    add(")");
  }

  void write() noexcept {
    characters_[size_++] = '\n';
    // Nothing can be done where it fails: an abort says the rest.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, characters_.data(), size_);
  }
  [[noreturn]] void end() noexcept {
    write();
    std::abort();
  }

 private:
  std::array<char, 1000> characters_;
  std::size_t size_ = 0;
};

}  // namespace

void misuse(const char* sentence) noexcept {
  line text;
  text.add(sentence);
  text.end();
}

void misuse(const char* sentence, const char* subject) noexcept {
  line text;
  text.add(sentence);
  text.add(": ");
  text.add(subject);
  text.end();
}

void warn(const char* sentence, const char* subject) noexcept {
  line text;
  text.add(sentence);
  text.add(": ");
  text.add(subject);
  text.write();
}

void warn(const char* sentence, const std::exception_ptr& error,
          const std::source_location& where) noexcept {
  line text;
  text.add(sentence);
  text.add(": ");
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    text.add(typeid(e));
    text.add(": ");
    text.add(e.what());
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    if (type) text.add(*type);
    text.add(", not a std::exception");
  }
  text.add_place(where);
  text.write();
}

void misuse(const char* sentence, const std::source_location& where) noexcept {
  line text;
  text.add(sentence);
  text.add(" (");
  text.add(where.file_name());
  text.add(":");
  text.add(where.line());
  text.add(")");
  text.end();
}

}  // namespace eddy::detail
