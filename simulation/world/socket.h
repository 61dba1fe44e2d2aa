// A socket: its name, its options, and what every kind of it has. Private.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "simulation/world/object.h"
#include "simulation/world/ports.h"

namespace eddy::detail::simulated {

class socket : public object {
 public:
  socket(machine& home, int domain, int type) : object(home), domain_(domain), type_(type) {}

  virtual int connect(const request&) = 0;
  virtual int listen(std::uint32_t /*backlog*/) { return -EOPNOTSUPP; }
  virtual int accept(std::uint32_t /*flags*/) { return -EOPNOTSUPP; }
  virtual int shut(int how) = 0;
  virtual bool is_listening() const noexcept { return false; }
  /// 0: not what comes from there; 2: that alone.
  virtual int hears(const endpoint& /*from*/) const noexcept { return 0; }
  virtual bool has_peer() const noexcept = 0;
  /// The error that waits to be told, once.
  virtual int take_error() { return 0; }

  int bind(const void* address, std::uint32_t length);
  int name(const request&, bool of_peer);
  int set_option(const request&);
  int get_option(const request&);
  int option(int level, int option, int otherwise = 0) const noexcept;
  /// SO_LINGER with no time.
  bool resets_at_close() const noexcept;
  void inherit(const socket& of) { options_ = of.options_; }

  int domain() const noexcept { return domain_; }
  int type() const noexcept { return type_; }
  bool is_unix() const noexcept { return domain_ == AF_UNIX; }
  bool is_bound() const noexcept { return is_bound_; }
  const endpoint& local() const noexcept { return local_.at; }
  const std::string& local_path() const noexcept { return local_path_; }

  socket* as_socket() noexcept override { return this; }

 protected:
  /// What the system does where nobody has called bind: a free port of the address from which one
  /// gets there.
  int name_itself(const endpoint& to);
  void share_name(const socket& listener, const endpoint& local);
  void leave_name(bool lingers = false);
  /// The machine that has this address, as seen from here. Null: no way leads there.
  machine* route(const endpoint&) const noexcept;
  class ports& ports() const noexcept;

  endpoint peer_;
  std::string peer_path_;

 private:
  int bind_path(const void* address, std::uint32_t length);

  int domain_;
  int type_;
  bool is_bound_ = false;
  ports::wish local_;
  std::string local_path_;  // as in a sockaddr_un: one of the abstract names begins with zero
  std::map<std::pair<int, int>, std::string> options_;
};

/// The path in a sockaddr_un of so many bytes: an abstract name with its first zero; empty: none.
std::string path_of(const void* address, std::uint32_t length);
/// Whose name that is. Null: nobody's (or nobody's any more); `error`: -ENOENT, -ECONNREFUSED.
socket* find_unix(machine&, const std::string& path, int& error);

}  // namespace eddy::detail::simulated
