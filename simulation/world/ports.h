// Which sockets of a machine have which port: of one protocol. Private.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "simulation/world/endpoint.h"
#include "simulation/world/world.h"

namespace eddy::detail::simulated {

class machine;
class socket;

class ports {
 public:
  explicit ports(machine& home) noexcept : home_(home) {}

  struct wish {
    endpoint at;           ///< port 0: a free one
    bool v6_only = false;  ///< `::` without IPv4
    bool reuse = false;    ///< SO_REUSEADDR
    bool reuse_port = false;
  };
  /// Gives `who` a port; 0 or -errno. wish.at.port is the one.
  int take(socket& who, wish&);
  /// A connection that came to a listener has its port, too.
  void share(socket& who, const wish&);
  void leave(socket& who, std::uint16_t port);
  /// The same, and nobody who does not say that he does not mind gets it for a minute.
  void linger(socket& who, std::uint16_t port);

  /// Who hears what comes from `from`: the one of just that address before one of all. Null: nobody.
  socket* find(const endpoint& to, const endpoint& from) const noexcept;
  void clear() noexcept { all_.clear(); }

 private:
  struct holder {
    socket* who;  // null: what is left of a connection, until then
    wish of;
    instant until = never;
  };
  bool is_taken(const wish&);
  int find_free(wish&);

  machine& home_;
  std::map<std::uint16_t, std::vector<holder>> all_;
  std::uint16_t next_ = 0;
};

}  // namespace eddy::detail::simulated
