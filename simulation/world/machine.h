// One machine: its kernel's state (descriptors, addresses, clock, signals, disk), which outlives the
// programs that run on it one after the other. Private.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/backend/backend.h"
#include "runtime/name_query.h"
#include "simulation/world/disk.h"
#include "simulation/world/object.h"
#include "simulation/world/ports.h"
#include "simulation/world/world.h"

namespace eddy::detail::simulated {

class kernel;
class bell;

/// Far from those of the real kernel: one that is given to it by mistake is refused there.
inline constexpr std::int32_t first_descriptor = std::int32_t{1} << 30;

class machine {
 public:
  machine(world&, std::string name, unsigned number, unsigned choosing);
  ~machine();
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;

  world& in() const noexcept { return world_; }
  const std::string& name() const noexcept { return name_; }
  unsigned number() const noexcept { return number_; }
  /// Its number where choices are drawn.
  unsigned choosing() const noexcept { return choosing_; }
  /// 10.0.0.n, in the order of the host.
  std::uint32_t address() const noexcept { return 0x0a000001u + number_; }

  // ---- A program's life

  /// What a runtime here calls its kernel. One at a time. `drives`: a run that sleeps moves the
  /// world's time (one host that blocks); else the driver does.
  std::unique_ptr<detail::backend> start(const detail::backend_parts&, bool drives);
  kernel* running() const noexcept { return kernel_; }
  /// Has the program something to do now? (Its timers it knows itself.)
  bool has_work() const noexcept;

  /// The program dies: its kernel answers it no more (what is inside ends by -ECANCELED, what it
  /// asks changes nothing), and what it had open is closed as the system closes it.
  void kill();
  /// The machine dies: nobody hears of it, and of the disk is left what choices leave. Then it is
  /// off.
  void cut_power();
  void turn_on() noexcept { is_on_ = true; }
  bool is_on() const noexcept { return is_on_; }
  /// A signal for the program. False: nobody has asked for it, so that the default holds.
  bool raise(int signal);

  // ---- Clocks

  time_point now() const noexcept;
  /// When it will be that late here, at the earliest.
  instant when(time_point) const noexcept;
  /// The wall clock, since 1970.
  std::int64_t wall_now() const noexcept;
  instant when_wall(std::int64_t since_1970) const noexcept;
  /// The wall clock goes so far before the true one; the monotonic one gains so many millionths.
  void set_clock(duration offset, std::int64_t ppm) noexcept;
  void set_wall_clock(std::int64_t since_1970) noexcept;

  // ---- Descriptors

  int add(std::shared_ptr<object>);
  object* find(std::int32_t descriptor) const noexcept;
  int close(std::int32_t descriptor);
  std::size_t open_descriptors() const noexcept { return open_; }
  bool is_full() const noexcept { return open_descriptors() >= most_descriptors; }
  std::size_t most_descriptors = 1u << 20;
  std::uint64_t next_object() noexcept { return ++objects_; }
  void add_object(object& o) { all_.push(o); }
  void remove_object(object& o) noexcept { all_.remove(o); }
  /// One of those that held it no longer does.
  static void let_go(object&);

  /// Carries out: result or -errno; -EAGAIN: not yet.
  int answer(const request&);
  /// How long what must be waited for takes.
  instant duration_of(const request&);

 private:
  friend class kernel;

  int answer_files(const request&);
  int answer_sockets(const request&, object&);
  int answer_any(const request&, object&);
  int open(const request&);
  int status(const request&);
  int send_file(const request&, object& to);
  int listen_at(const request&, socket&);
  int leave_path(const request&);
  int watch_signals(const request&);
  int look_up(detail::name_query&);
  bool refuse_name(detail::name_query&);
  int make_socket(const request&);
  int make_pair(const request&);
  int make_pipe(const request&);
  int make_wall_timer(const request&);
  int refuse_more();
  instant micro(label, std::uint64_t most);
  void release(std::int32_t descriptor);
  void vanish_all();

  world& world_;
  std::string name_;
  unsigned number_;
  unsigned choosing_;
  bool is_on_ = true;
  kernel* kernel_ = nullptr;
  chain<object, &object::in_home> all_;  // that live, in the order in which they were made
  std::vector<std::shared_ptr<object>> descriptors_;
  std::size_t lowest_free_ = 0;  // none below
  std::size_t open_ = 0;
  std::uint64_t objects_ = 0;
  std::vector<std::weak_ptr<bell>> bells_;
  std::int64_t ppm_ = 0;
  instant clock_from_ = 0;                   // the world's time from which ppm_ holds,
  std::int64_t clock_then_ = 1000 * second;  // and the time here then
  std::int64_t wall_offset_;                 // of the wall clock to the world's time

 public:
  // (Made last: they ask for the time.)
  disk files;
  ports tcp, udp;
  std::map<std::string, std::weak_ptr<object>> abstract_names;      // of Unix sockets
  std::map<std::uint64_t, std::weak_ptr<object>> sockets_of_files;  // by the file's number
};

}  // namespace eddy::detail::simulated
