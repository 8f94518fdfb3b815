// standing.cpp - what is known of a stored model, and the small rules all targets outside this process share.
#include "targets/shared/standing.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/assert.hpp"

namespace stele::targets {
namespace {

// As in SQLite: losing it costs a look at the index.
constexpr std::uint64_t passed_stride = 10'000;

}  // namespace

Checkpoint Standing::now() const {
  Checkpoint now = stored_;
  now.position = std::max(now.position, Position(passed_.load()));
  return now;
}

// A store that went back has forgotten events that were passed over since as well: those must be seen again.
void Standing::adopt(const Checkpoint& found) {
  if (found.position < stored_.position) passed_.store(0);
  stored_ = found;
  doubt_.reset();
  arrived_.clear();
}

result<void> Standing::rejoin(const Checkpoint& found) {
  if (doubt_ && found == doubt_->next) {
    stored_ = found;
    arrived_ = std::move(doubt_->keys);
    doubt_.reset();
    return {};
  }
  if (found == stored_) {
    doubt_.reset();  // what was in doubt has not arrived
    return {};
  }
  const bool lost = found.position < stored_.position;
  return Error(errc::conflict, model_ + (lost ? ": the server has forgotten batches that it had accepted"
                                              : ": somebody else has changed this model"))
      .with("expected", stored_.position.value())
      .with("actual", found.position.value())
      .help(lost ? "start the projection again: it goes on from what is there"
                 : "run each projection in one process only, then start it again");
}

void Standing::sending(const Checkpoint& next, std::vector<std::string> keys) {
  STELE_ASSERT(next.position >= stored_.position, "a checkpoint never goes back", model_,
               next.position.value(), stored_.position.value());
  std::ranges::sort(keys);
  const auto repeated = std::ranges::unique(keys);
  keys.erase(repeated.begin(), repeated.end());
  doubt_ = Sent{next, std::move(keys)};
}

std::vector<std::string> Standing::committed() {
  STELE_ASSERT(doubt_.has_value(), "only what was sent is committed", model_);
  Sent sent = *std::exchange(doubt_, std::nullopt);
  stored_ = sent.next;
  return std::move(sent.keys);
}

bool Standing::pass(Position position) {
  passed_.store(position.value());
  return position.value() - std::min(position, stored_.position).value() >= passed_stride;
}

void Standing::emptying() {
  resets_.fetch_add(1);
  passed_.store(0);
}

void Standing::emptied(const Checkpoint& found) {
  STELE_ASSERT(resets_.load() % 2 == 1, "emptying comes before emptied", model_, resets_.load());
  adopt(found);
  resets_.fetch_add(1);
}

Position Standing::visible(const Glimpse& before, Position found) const {
  const bool same_model = before.resets % 2 == 0 && resets_.load() == before.resets;
  return same_model ? std::max(found, before.passed) : found;
}

result<void> check_name(const std::string& name, int version, std::size_t longest) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (name.empty() || !std::ranges::all_of(name, fits))
    return Error(errc::invalid, "projection name '" + name + "' is not made of a-z, 0-9, '_', '-'")
        .help("it becomes part of names in the store");
  if (version < 1)
    return Error(errc::invalid, name + ": the version must be 1 or more, it is " + std::to_string(version));
  if (space_of(name, version).size() <= longest) return {};
  return Error(errc::invalid, "projection name '" + name + "' is too long for this store")
      .with("limit", longest)
      .help("its name, '-v' and its version together must fit");
}

result<void> check_projection(const std::string& name, int version, std::size_t longest, const Query& events,
                              bool has_function) {
  STELE_CHECK(check_name(name, version, longest));
  if (!has_function) return Error(errc::invalid, name + ": there is no function to project with");
  return check_query(events);
}

std::string space_of(const std::string& name, int version) { return name + "-v" + std::to_string(version); }

std::string scratch_space_of(const std::string& name) {
  return name.substr(0, 20) + "-scratch-" + to_string(Uuid::random()).substr(24);
}

std::string lease_holder() {
  std::string host(256, '\0');
  if (::gethostname(host.data(), host.size() - 1) != 0) host = "unknown host";
  host.resize(std::min(host.find('\0'), host.size()));
  return host + " process " + std::to_string(::getpid()) + " " + to_string(Uuid::random());
}

Error lease_taken(const std::string& model, const std::string& holder) {
  return Error(errc::busy, model + ": another process runs this projection").with("holder", holder);
}

Error lease_lost(const std::string& model) {
  return Error(errc::conflict, model + ": the lease has gone to another process")
      .help("that one goes on with the projection");
}

Error not_ours_to_empty(const std::string& model) {
  return Error(errc::unavailable,
               model + ": the model is not whole, and the process that has the lease makes it anew")
      .help("ask again in a moment");
}

std::optional<std::int64_t> integer_in(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace stele::targets
