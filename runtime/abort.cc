// The one place that ends the program for a caller's bug (runtime/detail/abort.h).
#include <cxxabi.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <typeinfo>
#include <utility>

#include <eddy/runtime/detail/abort.h>
#include <eddy/runtime/detail/loop.h>

namespace eddy::detail {
namespace {

/// (Whole, however many lines it has.)
void say_last_words() noexcept {
  if (!current_loop) return;
  const char* text = std::exchange(current_loop->last_words, nullptr);
  if (!text) return;
  for (const char* part : {"eddy: ", text, "\n"}) {
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, part, std::strlen(part));
  }
}

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
  /// Its type, and what() where it has one.
  void add(const std::exception_ptr& error) noexcept {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      add(typeid(e));
      add(": ");
      add(e.what());
    } catch (...) {
      const std::type_info* type = abi::__cxa_current_exception_type();
      if (type) add(*type);
      add(", not a std::exception");
    }
  }
  void add(const std::source_location& where) noexcept {
    add(" (");
    add(where.file_name());
    add(":");
    add(where.line());
    add(")");
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
    say_last_words();
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
  text.add(error);
  text.add_place(where);
  text.write();
}

void misuse(const char* sentence, const std::source_location& where) noexcept {
  line text;
  text.add(sentence);
  text.add(where);
  text.end();
}

void warn(const char* sentence, const std::source_location& where) noexcept {
  line text;
  text.add(sentence);
  text.add(where);
  text.write();
}

void warn(const char* sentence, const char* subject, const std::source_location& after) noexcept {
  line text;
  text.add(sentence);
  text.add(": ");
  text.add(subject);
  text.add_place(after);
  text.write();
}

void misuse(const char* sentence, const char* subject,
            const std::exception_ptr& on_its_way) noexcept {
  line text;
  text.add(sentence);
  text.add(": ");
  text.add(subject);
  if (on_its_way) {
    text.add("; on its way: ");
    text.add(on_its_way);
  } else if (std::uncaught_exceptions() > 0) {
    text.add("; an exception is on its way");
  }
  text.end();
}

// ---- Last words ----

namespace {

// The handler stands as long as any thread has something to say: this library may be unloaded.
std::mutex handler_mutex;
unsigned speakers = 0;
std::terminate_handler handler_before = nullptr;

void speak_and_terminate() {
  say_last_words();
  std::terminate_handler before = nullptr;
  {
    const std::lock_guard lock(handler_mutex);
    before = handler_before;
  }
  if (before) before();
  std::abort();
}

}  // namespace

last_words::last_words(const char* text) noexcept {
  current_loop->last_words = text;
  const std::lock_guard lock(handler_mutex);
  if (!speakers++) handler_before = std::set_terminate(&speak_and_terminate);
}

last_words::~last_words() {
  current_loop->last_words = nullptr;
  const std::lock_guard lock(handler_mutex);
  // (Whoever has set another one meanwhile keeps it.)
  if (!--speakers && std::get_terminate() == &speak_and_terminate)
    std::set_terminate(handler_before);
}

}  // namespace eddy::detail
