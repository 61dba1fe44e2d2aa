// How the library ends a program whose caller has a bug: one line on stderr, and abort. In release
// builds too.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <exception>
#include <source_location>

namespace eddy::detail {

/// Writes "eddy: `sentence`" and a newline to stderr in one system call, and aborts. Allocates
/// nothing, takes no lock; any thread, signal handlers. What does not fit in a line of 1,000
/// characters is cut off.
[[noreturn]] void misuse(const char* sentence) noexcept;

/// The same, with what the sentence is about: "eddy: `sentence`: `subject`".
[[noreturn]] void misuse(const char* sentence, const char* subject) noexcept;

/// The same, with the place of the call to blame: "eddy: `sentence` (file:line)".
[[noreturn]] void misuse(const char* sentence, const std::source_location& where) noexcept;

/// The same, with what the sentence is about, and the exception that is on its way (null: none, or
/// none that can be known).
[[noreturn]] void misuse(const char* sentence, const char* subject,
                         const std::exception_ptr& on_its_way) noexcept;

/// While it lives, a text that is written before all else where the program dies on this thread: by
/// misuse, or by std::terminate. For what would be thrown when all destructors have run, and one of
/// them may end the program. A loop runs.
class last_words {
 public:
  explicit last_words(const char* text) noexcept;
  ~last_words();
  last_words(const last_words&) = delete;
  last_words& operator=(const last_words&) = delete;
};

/// One line on stderr that begins with "eddy: ", for what can be told to nobody; the program goes
/// on.
void warn(const char* sentence, const char* subject) noexcept;
void warn(const char* sentence, const std::source_location& where) noexcept;
void warn(const char* sentence, const char* subject, const std::source_location& after) noexcept;

/// The same of an exception: its type, what() where it has one, and, if that is known, the place
/// after which it came.
void warn(const char* sentence, const std::exception_ptr& error,
          const std::source_location& where) noexcept;

}  // namespace eddy::detail
