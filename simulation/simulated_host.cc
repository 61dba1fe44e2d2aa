// class simulated_host and class simulated_disk: what a test does to a machine.
#include <eddy/simulation/simulated_host.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <eddy/runtime/detail/abort.h>

#include "simulation/driver.h"
#include "simulation/host.h"

namespace eddy {

socket_address simulated_host::address(std::uint16_t port) const {
  const std::uint32_t n = host_->machine().address();
  sockaddr_in native{};
  native.sin_family = AF_INET;
  native.sin_port = htons(port);
  native.sin_addr.s_addr = htonl(n);
  return socket_address::from_native(&native, sizeof native).value();
}

const std::string& simulated_host::name() const noexcept {
  return host_->machine().name();
}
bool simulated_host::running() const noexcept {
  return host_->is_running();
}
runtime& simulated_host::loop() {
  return host_->loop();
}

// ---- Its life

void simulated_host::stop() {
  static constexpr duration patience = std::chrono::seconds(30);
  detail::host& h = *host_;
  h.in().act([&h] {
    h.stop();
    h.in().at(patience, [&h, start = h.starts()] {
      if (h.starts() == start) h.kill();
    });
  });
}
void simulated_host::kill() {
  host_->in().act([h = host_] { h->kill(); });
}
void simulated_host::cut_power() {
  host_->in().act([h = host_] { h->cut_power(); });
}
void simulated_host::restart(duration after) {
  host_->in().act([h = host_, after] { h->in().restart(*h, after); });
}
void simulated_host::freeze() {
  host_->in().act([h = host_] { h->is_frozen = true; });
}
void simulated_host::thaw() {
  host_->in().act([h = host_] { h->is_frozen = false; });
}
void simulated_host::raise(int signal) {
  if (signal < 1 || signal > SIGRTMAX)
    detail::misuse("simulated_host::raise: no signal has this number",
                   std::to_string(signal).c_str());
  host_->in().act([h = host_, signal] { h->raise(signal); });
}
void simulated_host::program(const std::string& name,
                             const std::function<task<int>(child&)>& /*main*/) {
  detail::misuse("simulated_host::program: child processes are not simulated yet", name.c_str());
}
void simulated_host::set_clock(duration offset, std::int64_t ppm) {
  if (ppm <= -1'000'000 || ppm > 1'000'000)
    detail::misuse("simulated_host::set_clock: a drift is between -1000000 and 1000000 ppm");
  host_->in().act([h = host_, offset, ppm] {
    h->machine().set_clock(offset, ppm);
    h->look_again();
  });
}
void simulated_host::restartable(bool may) noexcept {
  host_->is_restartable = may;
}
simulated_disk& simulated_host::disk() noexcept {
  return host_->disk();
}

// ---- Its disk

std::string simulated_disk::read(std::string_view path) const {
  const detail::simulated::disk& d = host_->machine().files;
  const auto found = d.find(path);
  if (!found || !found->is_file()) return "";
  std::string text(found->size, '\0');
  text.resize(d.read(*found, 0, text.data(), text.size()));
  return text;
}

void simulated_disk::write(std::string_view path, std::string_view text) {
  detail::simulated::disk& d = host_->machine().files;
  const auto fail = [&path](int error) {
    detail::misuse(
        ("simulated_disk::write cannot make it: " + std::string(std::strerror(-error))).c_str(),
        std::string(path).c_str());
  };
  detail::simulated::disk::node_pointer made;
  std::vector<detail::simulated::disk::node_pointer> folders{d.root()};
  for (std::size_t slash = path.find('/', 1); slash != std::string_view::npos;
       slash = path.find('/', slash + 1)) {
    const int answer = d.make(path.substr(0, slash), S_IFDIR | 0755, made);
    if (answer < 0 && answer != -EEXIST) fail(answer);
    folders.push_back(made);
  }
  const int answer = d.make(path, S_IFREG | 0644, made);
  if (answer < 0 && answer != -EEXIST) fail(answer);
  if (!made->is_file()) fail(-EISDIR);
  d.truncate(*made, 0);
  d.write(*made, 0, text.data(), text.size());
  d.sync(*made);
  for (const auto& folder : folders) d.sync(*folder);
}

std::vector<std::string> simulated_disk::list(std::string_view path) const {
  std::vector<std::string> names;
  const auto found = host_->machine().files.find(path);
  if (!found || !found->is_directory()) return names;
  for (const auto& [name, node] : found->names) names.push_back(name);
  return names;
}

void simulated_disk::wipe() {
  host_->machine().files.wipe();
}

}  // namespace eddy
