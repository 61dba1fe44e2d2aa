// Where choices come from: a seed, a recording, a list of deviations, a fuzzer's bytes.
#include "simulation/choices.h"

#include <algorithm>
#include <utility>

namespace eddy::detail {
namespace {

constexpr std::uint64_t always = std::uint64_t{1} << 63;
constexpr std::uint64_t per_million = always / 1'000'000;

std::uint64_t threshold_of(std::uint32_t ppm) noexcept {
  return ppm >= 1'000'000 ? always : ppm * per_million;
}

/// What a seed makes of a family's rate: nothing at all (a quarter of them), or a quarter to four
/// times as much. What is always a little on hides what needs much of one thing and nothing else.
std::uint32_t swarmed(std::uint32_t ppm, std::uint64_t seed, std::size_t family) noexcept {
  switch (mix(seed ^ mix(family + golden)) % 8) {
    case 0:
    case 1:
      return 0;
    case 2:
      return (ppm + 3) / 4;
    case 3:
      return (ppm + 1) / 2;
    case 6:
      return std::min<std::uint32_t>(ppm * 2, 1'000'000);
    case 7:
      return std::min<std::uint32_t>(ppm * 4, 1'000'000);
    default:
      return ppm;
  }
}

__extension__ using wide = unsigned __int128;  // (both compilers have it)

/// Of 0 … bound - 1, evenly.
std::uint64_t below(std::uint64_t bound, std::uint64_t random) noexcept {
  return static_cast<std::uint64_t>(wide{random} * bound >> 64);
}

}  // namespace

unsigned corners_of(std::uint64_t bound) noexcept {
  return bound <= 1 ? 0 : static_cast<unsigned>(std::min<std::uint64_t>(bound - 1, 3));
}

std::uint64_t corner_of(std::uint64_t bound, unsigned corner) noexcept {
  if (corner == 0) return 1;
  return corner == 1 ? bound - 1 : bound / 2;
}

choices::choices() {
  for (std::size_t i = 0; i < label_count; ++i) {
    const std::string_view text = all_labels[i].text;
    label_hashes_[i] = mix(hash_of(text.data(), text.size()));
  }
  taken_.reserve(1024);
  user_counts_.resize(64);
  hosts_.reserve(8);
}

void choices::begin(const choice_source& source, faults preset, bool swarm) {
  using kind = choice_source::kind;
  source_ = source;
  kind_ = source.from;
  seed_ = mix(source.seed + golden);
  const rate_table& rates = rates_of(preset);
  // (Seed 0 is no seed: an enumerated run's recording.)
  const bool swarms = swarm && (kind_ == kind::seeded || (kind_ == kind::recorded && source.seed));
  for (std::size_t f = 0; f < fault_count; ++f) {
    thresholds_[f] = threshold_of(swarms ? swarmed(rates[f], seed_, f) : rates[f]);
  }
  thresholds_[no_family] = always;
  calm_ = false;
  host_count_ = 0;
  taken_.clear();
  drawn_ = 0;
  hash_ = golden;
  now = 0;
  ++run_;
  user_counted_ = 0;
  mismatch_.clear();
  met_ = 0;
  byte_ = 0;
  add_host("");
  if (kind_ == kind::recorded) expect(*source.recorded);
}

unsigned choices::add_host(std::string_view name) {
  if (host_count_ == hosts_.size()) hosts_.emplace_back();
  host_state& h = hosts_[host_count_];
  h.name.assign(name);
  h.hash = mix(hash_of(name.data(), name.size()) + golden);
  h.counts.fill(0);
  return host_count_++;
}

std::uint64_t choices::seeded_value(std::uint64_t random, std::uint64_t bound,
                                    bool not_0) noexcept {
  if (!not_0) return below(bound, random);
  // The upper bits have said that it is not 0, and are small now.
  return bound == 2 ? 1 : 1 + below(bound - 1, mix(random + golden));
}

std::uint64_t choices::keep(unsigned host, std::uint32_t label, std::uint32_t k,
                            std::uint64_t bound, std::uint64_t value, std::uint64_t key) {
  if (!value) return 0;
  taken_.push_back({now, bound, value, k, label, host});
  hash_ = mix(hash_ ^ key ^ static_cast<std::uint64_t>(now)) + value;
  return value;
}

std::uint64_t choices::other_draw(unsigned host, std::uint32_t label, std::uint32_t k,
                                  std::uint64_t bound, std::uint64_t key) {
  std::uint64_t value = 0;
  switch (kind_) {
    case choice_source::kind::recorded:
      value = recorded_value(bound, key);
      break;
    case choice_source::kind::enumerated:
      if (met_ < source_.deviations.size() && source_.deviations[met_].place == drawn_ - 1) {
        deviation& d = source_.deviations[met_++];
        d.corners = corners_of(bound);
        value = corner_of(bound, d.corner);
      }
      break;
    case choice_source::kind::bytes:
      value = next_bytes(bound);
      break;
    default:
      break;
  }
  return keep(host, label, k, bound, value, key);
}

std::uint64_t choices::next_bytes(std::uint64_t bound) noexcept {
  std::uint64_t value = 0;
  for (std::uint64_t range = bound - 1; range && byte_ < source_.bytes.size(); range >>= 8) {
    value = value << 8 | source_.bytes[byte_++];
  }
  return value % bound;
}

// ---- The user's ----

choices::user_count& choices::count_of(unsigned host, std::string_view text, std::uint64_t hash) {
  if (user_counted_ * 2 >= user_counts_.size()) {
    std::vector<user_count> larger(user_counts_.size() * 2);
    for (const user_count& c : user_counts_) {
      if (c.run != run_) continue;
      std::size_t at = mix(c.key) & (larger.size() - 1);
      while (larger[at].run) at = (at + 1) & (larger.size() - 1);
      larger[at] = c;
    }
    user_counts_ = std::move(larger);
  }
  const std::uint64_t key = hosts_[host].hash ^ hash;
  std::size_t at = mix(key) & (user_counts_.size() - 1);
  while (user_counts_[at].run == run_) {
    if (user_counts_[at].key == key) return user_counts_[at];
    at = (at + 1) & (user_counts_.size() - 1);
  }
  user_count& c = user_counts_[at];
  // (Of an earlier run, most often: the text is known then.)
  const auto known = std::find(user_labels_.begin(), user_labels_.end(), text);
  const auto index = static_cast<std::uint32_t>(known - user_labels_.begin());
  if (known == user_labels_.end()) user_labels_.emplace_back(text);
  c = {key, run_, 0, static_cast<std::uint32_t>(label_count) + index};
  ++user_counted_;
  return c;
}

std::uint64_t choices::draw(unsigned host, std::string_view text, std::uint64_t bound) {
  if (bound <= 1) return 0;
  const std::uint64_t hash = mix(hash_of(text.data(), text.size()));
  user_count& c = count_of(host, text, hash);
  const std::uint32_t k = c.count++;
  const std::uint64_t key = key_of(hosts_[host].hash, hash, k);
  ++drawn_;
  if (kind_ != choice_source::kind::seeded) return other_draw(host, c.label, k, bound, key);
  return keep(host, c.label, k, bound, seeded_value(mix(key ^ seed_), bound, false), key);
}

bool choices::chance(unsigned host, std::string_view text, std::uint32_t ppm) {
  const std::uint64_t hash = mix(hash_of(text.data(), text.size()));
  user_count& c = count_of(host, text, hash);
  const std::uint32_t k = c.count++;
  if (!ppm) return false;
  const std::uint64_t key = key_of(hosts_[host].hash, hash, k);
  ++drawn_;
  if (kind_ != choice_source::kind::seeded) return other_draw(host, c.label, k, 2, key) != 0;
  return keep(host, c.label, k, 2, (mix(key ^ seed_) >> 1) < threshold_of(ppm), key) != 0;
}

// ---- Rates ----

void choices::set_rate(fault f, std::uint32_t ppm) noexcept {
  if (!calm_) thresholds_[family(f)] = threshold_of(ppm);
}

void choices::calm() noexcept {
  calm_ = true;
  for (std::size_t f = 0; f < fault_count; ++f) thresholds_[f] = 0;
}

std::uint32_t choices::rate(fault f) const noexcept {
  return static_cast<std::uint32_t>(thresholds_[family(f)] / per_million);
}

// ---- What was chosen ----

const char* choices::label_text(std::uint32_t label) const noexcept {
  return label < label_count ? all_labels[label].text : user_labels_[label - label_count].c_str();
}

recording choices::record() const {
  recording r;
  r.seed = source_.seed;
  r.choices.reserve(taken_.size());
  for (const choice& c : taken_) {
    r.choices.push_back(
        {c.time, hosts_[c.host].name, label_text(c.label), c.k, c.bound, c.value, 0});
  }
  return r;
}

std::string choices::phrase(const choice& c) const {
  std::string text = label_text(c.label);
  const char* pattern = c.label < label_count ? all_labels[c.label].phrase : nullptr;
  if (!pattern) {
    if (c.bound > 2) text += " " + std::to_string(c.value) + " of " + std::to_string(c.bound - 1);
    return text;
  }
  text += ' ';
  for (; *pattern; ++pattern) {
    if (*pattern == '%') {
      text += std::to_string(*++pattern == 'v' ? c.value : c.bound - 1);
    } else {
      text += *pattern;
    }
  }
  return text;
}

}  // namespace eddy::detail
