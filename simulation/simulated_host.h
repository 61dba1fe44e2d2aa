// A machine of a simulated world: its program, disk, addresses, clock, and its deaths.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <eddy/coro/task.h>
#include <eddy/io/pipe.h>
#include <eddy/io/socket_address.h>
#include <eddy/runtime/clock.h>
#include <eddy/runtime/runtime.h>

namespace eddy {

class simulation;
namespace detail {
class host;
}

/// A host's disk, as an onlooker sees it: what processes of the host would read now, without time,
/// faults or choices.
class simulated_disk {
 public:
  /// The whole of a file; "" where there is none.
  std::string read(std::string_view path) const;
  /// Makes the file, and the directories that it needs, or replaces what is in it; durable at once.
  void write(std::string_view path, std::string_view text);
  /// Names in a directory, in order; none where there is no such directory.
  std::vector<std::string> list(std::string_view path) const;
  /// A new, empty disk.
  void wipe();

 private:
  friend class detail::host;
  explicit simulated_disk(detail::host& h) noexcept : host_(&h) {}
  detail::host* host_;
};

/// A child process as its program sees it: what process::spawn was given. Its streams are closed with
/// it.
struct child {
  std::vector<std::string> arguments;    ///< without the program's own name
  std::vector<std::string> environment;  ///< "NAME=value"
  pipe_reader input;
  pipe_writer output, error_output;
};

/// Made by simulation::host() and client(), and lives as long as its simulation.
///
/// What is called from inside a host's task happens when the tick of that host is over.
class simulated_host {
 public:
  simulated_host(const simulated_host&) = delete;
  simulated_host& operator=(const simulated_host&) = delete;

  /// 10.0.0.n, to which its name resolves.
  socket_address address(std::uint16_t port) const;
  const std::string& name() const noexcept;
  /// Has it been started, and neither ended, died nor been stopped?
  bool running() const noexcept;
  /// That of its program, while it runs; aborts else.
  runtime& loop();

  /// As SIGTERM would: request_stop. What has not ended within 30 s is killed.
  void stop();
  /// The process dies: its descriptors are closed as the kernel closes them, and the page cache
  /// stays. Its tasks end without another line of theirs, except destructors.
  void kill();
  /// The machine dies: peers hear nothing, and what was not synced is drawn lost or kept.
  void cut_power();
  /// Its main again, with the arguments that it was made with, over what the disk holds.
  void restart(duration after = duration::zero());
  /// No tick is made; its kernel goes on.
  void freeze();
  void thaw();
  /// As kill(2): to its signal sets; where none listens the default effect (SIGTERM, SIGINT: as
  /// kill(); SIGCHLD and its like: nothing).
  void raise(int signal);

  /// (Not there yet: it aborts, and process::spawn answers function_not_supported.)
  /// What process::spawn finds under this name on this host. Its result is the child's exit code.
  /// Other names: no_such_file_or_directory.
  void program(const std::string& name, const std::function<task<int>(child&)>& main);
  /// Of its wall clock against the world's; and the drift of its monotonic one, in parts per million.
  void set_clock(duration offset, std::int64_t ppm);
  /// May it be killed and cut off by chance (faults::hostile)? Default: a host yes, a client no.
  void restartable(bool) noexcept;
  simulated_disk& disk() noexcept;

 private:
  friend class detail::host;
  friend class simulation;
  explicit simulated_host(detail::host& h) noexcept : host_(&h) {}
  ~simulated_host() = default;
  detail::host* host_;
};

}  // namespace eddy
