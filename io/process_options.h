// What a child process is started with.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <eddy/io/terminal.h>
#include <eddy/runtime/clock.h>

namespace eddy {

namespace detail {

/// A program's arguments. (No std::initializer_list: g++ 12 takes none in an awaited call.)
class words {
 public:
  // `{"log", "-1"}`, or a vector
  template <class... W>
    requires(std::convertible_to<W, std::string> && ...)
  words(W&&... all) {
    made.reserve(sizeof...(W));
    (made.push_back(std::forward<W>(all)), ...);
  }
  words(std::vector<std::string> all) noexcept : made(std::move(all)) {}
  std::vector<std::string> made;
};

}  // namespace detail

/// What a standard stream of a child process is.
class stdio {
 public:
  enum kind : std::uint8_t {
    inherit,  ///< ours
    discard,  ///< /dev/null
    pipe,     ///< a pipe whose other end process::input(), output() or error_output() gives
  };
  stdio(kind k = inherit) noexcept : kind_(k) {}

  /// A descriptor of ours, which stays ours. (A stream or pipe of eddy's does not wait: a program
  /// that expects to wait for it gets resource_unavailable_try_again.)
  static stdio of(int descriptor) {
    stdio s(number_);
    s.descriptor_ = descriptor;
    return s;
  }
  /// A file, which is opened now, by us: a relative path starts at our directory. It is not waited
  /// for the other end of a named pipe.
  static stdio read_from(std::string path) { return stdio(read_, std::move(path)); }
  /// A file that is made where it is not there, and emptied.
  static stdio write_to(std::string path) { return stdio(write_, std::move(path)); }
  /// A file that is made where it is not there; what is written goes behind its end.
  static stdio append_to(std::string path) { return stdio(append_, std::move(path)); }

  bool operator==(kind k) const noexcept { return kind_ == k; }

 private:
  friend class process;
  static constexpr kind number_ = kind(3), read_ = kind(4), write_ = kind(5), append_ = kind(6);
  stdio(kind k, std::string path) : kind_(k), path_(std::move(path)) {}
  kind kind_;
  int descriptor_ = -1;
  std::string path_;
};

/// Which program, and how. Nothing is inherited but what is named here: of descriptors the standard
/// streams and those of pass(); no blocked signal, no handler, and SIGPIPE as by default. Signals
/// that the program ignores stay ignored, as under nohup.
class process_options {
 public:
  /// A program without a slash is looked for in the PATH of the child's environment. (Where that has
  /// none: in /bin and /usr/bin.) A relative one, with a slash, starts at `directory`. A script
  /// needs its first line ("#!/bin/sh"); no shell is asked unless it is named here.
  process_options(std::string name, detail::words all = {})
      : program(std::move(name)), arguments(std::move(all.made)) {}
  process_options(const char* name) : program(name) {}

  /// Sets a variable, over those of `environment`.
  process_options& set_variable(std::string name, std::string value) {
    variables.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  /// A descriptor of ours, and the number that it is to have there. In any permutation: `here` may be
  /// somebody else's `there`.
  process_options& pass(int here, int there) {
    passed.emplace_back(here, there);
    return *this;
  }

  std::string program;
  std::vector<std::string> arguments;                          ///< without the program's own name
  std::optional<std::vector<std::string>> environment;         ///< "NAME=value", …; nullopt: ours
  std::vector<std::pair<std::string, std::string>> variables;  ///< see set_variable()
  std::string directory;                                       ///< empty: ours
  stdio input, output, error_output;
  std::vector<std::pair<int, int>> passed;  ///< see pass()
  /// A user and a group, by their numbers. Where we are root the supplementary groups go with ours.
  std::optional<std::uint32_t> user, group;
  bool error_to_output = false;  ///< error_output is what output is
  bool new_group = false;        ///< a process group of its own: for kill_group()
  bool new_session = false;      ///< a session, and so a group, of its own
  /// A pseudo-terminal is all three standard streams, and its controlling terminal, in a session of
  /// its own. process::input() writes what the user would type ("\4" for Ctrl-D), output() reads
  /// what would be shown, to its end.
  bool terminal = false;
  terminal_size window{80, 24};  ///< of that terminal
  /// SIGKILL when the thread that has started it ends. (A program that changes its user is not tied
  /// any more.)
  bool die_with_parent = false;
  /// A process object that goes kills its child, and with it the group or session of its own. Else
  /// it goes on, see process::detach().
  bool kill_when_dropped = true;

  // For run_process():
  duration grace = std::chrono::seconds(5);  ///< so long outputs are read that others hold, after
                                             ///< the child's end
  std::size_t output_limit = std::size_t{64} << 20;  ///< bytes, of either output
};

}  // namespace eddy
