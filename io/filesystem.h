// Names of files: asking about them, renaming, removing; directories. Contents are in
// <eddy/io/file.h>.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstdint>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include <eddy/coro/task.h>
#include <eddy/io/detail/path.h>
#include <eddy/io/file_information.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// A name in a directory.
struct directory_entry {
  directory_entry(std::string n, file_kind k) noexcept : name(std::move(n)), kind(k) {}
  std::string name;
  file_kind kind;  ///< of a symbolic link: that; `other` where the file system does not say
};

namespace detail {

class status_wait : public path_wait {
 public:
  using path_wait::path_wait;
  status_wait(status_wait&& other) noexcept : path_wait(std::move(other)) {}
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    ask.offset = address_of(&status_);
    path_wait::await_suspend(h, at);
  }
  eddy::result<file_information> await_resume() const noexcept;

 private:
  status_block status_;
};

}  // namespace detail

/// Asks about the file behind `path`, through symbolic links.
///
/// Result      a file_information
/// Errors      no_such_file_or_directory, not_a_directory, permission_denied, …; invalid_argument:
///             a '\0' in the path
/// Cancel      not begun: stops the task. Begun: waited for, and the result is delivered
/// Lifetime    the path is kept in the awaitable
detail::awaited_once<detail::status_wait> file_status(std::string path) noexcept;

/// Gives a file or directory another name on the same file system; what has that name already is
/// replaced in the same step.
///
/// Result      success
/// Errors      no_such_file_or_directory, cross_device_link, is_a_directory, directory_not_empty, …
/// Cancel      not begun: stops the task. Begun: waited for
/// Lifetime    the paths are kept in the awaitable
detail::path_change rename_file(std::string from, std::string to) noexcept;

/// Removes the name of a file; its content goes with its last name and its last user.
///
/// Result      success
/// Errors      no_such_file_or_directory, is_a_directory, permission_denied, …
/// Cancel      not begun: stops the task. Begun: waited for
/// Lifetime    the path is kept in the awaitable
detail::path_change remove_file(std::string path) noexcept;

/// Makes one directory, with `permissions` less the process's umask.
///
/// Result      success
/// Errors      file_exists, no_such_file_or_directory (its parent), permission_denied, …
/// Cancel      not begun: stops the task. Begun: waited for
/// Lifetime    the path is kept in the awaitable
detail::path_change make_directory(std::string path, unsigned permissions = 0777) noexcept;

/// Copies what a regular file has. Something that is named `to` keeps its permissions and gets the
/// content; else a file is made with the permissions of `from`, less the process's umask.
///
/// Result      success
/// Errors      no_such_file_or_directory, permission_denied, is_a_directory, no_space_on_device, …;
///             invalid_argument: `from` is no regular file, or both names are the same file. Where
///             it fails in the middle, `to` has been cut or has a part
/// Cancel      stops the task between two parts: `to` has a part
/// Lifetime    the paths are kept in the task
task<result<void>> copy_file(std::string from, std::string to);

/// What a directory has, without `.` and `..`; in no order.
///
/// Result      std::vector<directory_entry>
/// Errors      no_such_file_or_directory, not_a_directory, permission_denied, …
/// Cancel      stops the task between two parts
/// Lifetime    the path is kept in the task
task<result<std::vector<directory_entry>>> list_directory(std::string path);

/// Waits until the names in a directory would outlive a loss of power: of what was made, renamed or
/// removed there. (A file's own sync() says nothing of its name.)
///
/// Result      success
/// Errors      no_such_file_or_directory, not_a_directory, permission_denied, io_error, …
/// Cancel      stops the task between opening and syncing; a sync that has begun is waited for
/// Lifetime    the path is kept in the task
task<result<void>> sync_directory(std::string path);

/// Removes an empty directory.
///
/// Result      success
/// Errors      directory_not_empty, no_such_file_or_directory, not_a_directory, …
/// Cancel      not begun: stops the task. Begun: waited for
/// Lifetime    the path is kept in the awaitable
detail::path_change remove_directory(std::string path) noexcept;

}  // namespace eddy
