// What a descriptor stands for in a machine's kernel, and who waits for it. Private.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <eddy/runtime/operation.h>
#include "simulation/world/chain.h"

namespace eddy::detail::simulated {

class machine;
class object;
class socket;

enum class side : std::uint8_t {
  reading,
  writing,
  watching,  ///< verb::ready: any number of them, each for itself
};
inline constexpr std::size_t sides = 3;

/// An operation that is inside a kernel.
struct waiting {
  operation* what = nullptr;
  object* of = nullptr;  ///< null: it stands for itself
  side where = side::reading;
  bool is_answered = false;  ///< what->result is there
  bool has_begun = false;    ///< it has to be waited for
  std::size_t index = 0;     ///< of its place
  std::uint64_t number = 0;  ///< tells it from others that have stood there
  links<waiting> in_object;
  links<waiting> in_turn;  ///< in the kernel's list of those that can be tried
};

/// An open file: what several descriptors may share. What it cannot do is refused as the system
/// refuses it; -EAGAIN is "not yet".
class object : public std::enable_shared_from_this<object> {
 public:
  explicit object(machine& home);
  virtual ~object();
  object(const object&) = delete;
  object& operator=(const object&) = delete;

  virtual int read(const request&, msghdr&) { return -EINVAL; }
  virtual int write(const request&, const msghdr&) { return -EINVAL; }
  /// POLLIN …: what is there now.
  virtual std::uint32_t events() const = 0;
  virtual int examine(const request&);
  /// The last descriptor of it is closed.
  virtual void end() {}
  /// The machine is cut off: it is gone, without a word to anybody.
  virtual void vanish() {}
  virtual socket* as_socket() noexcept { return nullptr; }

  /// Those that wait there may try again.
  void wake(side);
  void wake_all();

  machine& home() const noexcept { return home_; }
  std::uint64_t number() const noexcept { return number_; }

  std::uint32_t mode = S_IFSOCK;  ///< as in a status
  std::uint32_t flags = O_RDWR | O_NONBLOCK;
  unsigned descriptors = 0;  ///< that stand for it, also those on their way to another process

  links<object> in_home;
  std::array<chain<waiting, &waiting::in_object>, sides> waits;

 private:
  machine& home_;
  std::uint64_t number_;
};

}  // namespace eddy::detail::simulated
