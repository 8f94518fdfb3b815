// look.cpp - opens histories: a directory is read in this process, beside whoever writes it; of a server the events are
// read over its API, and its own application folds unless a fold file was given.
#include "cli/commands/look.hpp"

#include "bank/bank.hpp"
#include "base/json_reader.hpp"
#include "cli/target/http_client.hpp"
#include "cli/target/owned_view.hpp"
#include "cli/target/wire.hpp"
#include "crm/crm.hpp"
#include "event/event_json.hpp"
#include "history/trace.hpp"
#include "shop/shop.hpp"

namespace stele::cli {
namespace {

// A directory, kept open.
class DirectorySource final : public history::EventSource {
 public:
  explicit DirectorySource(std::unique_ptr<EventStore> store) : store_(std::move(store)), source_(*store_) {}
  result<StreamInfo> stream_info(const std::string& stream) override { return source_.stream_info(stream); }
  result<void> read_stream(const std::string& stream, Revision from, Revision to,
                           const history::TakeEvent& take) override {
    return source_.read_stream(stream, from, to, take);
  }
  result<void> read_log(const Query& query, Position from, Position to,
                        const history::TakeEvent& take) override {
    return source_.read_log(query, from, to, take);
  }
  result<std::vector<StreamInfo>> list_streams(const std::string& prefix, const std::string& after,
                                               std::size_t limit) override {
    return source_.list_streams(prefix, after, limit);
  }
  result<RecordedEvent> find_event(const Uuid& id) override { return source_.find_event(id); }
  result<Position> head() override { return source_.head(); }

 private:
  std::unique_ptr<EventStore> store_;
  history::StoreSource source_;
};

// A server, through the target that the other commands use.
class ServerSource final : public history::EventSource {
 public:
  explicit ServerSource(std::unique_ptr<Target> target) : target_(std::move(target)) {}
  result<StreamInfo> stream_info(const std::string& stream) override { return target_->stream_info(stream); }
  result<void> read_stream(const std::string& stream, Revision from, Revision to,
                           const history::TakeEvent& take) override {
    if (from > to) return {};
    ReadPlan plan;
    plan.stream = stream;
    plan.from_revision = from;
    plan.to_revision = to;
    plan.limit = to.value() - from.value() + 1;
    return target_->read(plan, take);
  }
  // Queries of searches have one item at most.
  result<void> read_log(const Query& query, Position from, Position to,
                        const history::TakeEvent& take) override {
    if (from > to) return {};
    ReadPlan plan;
    if (query.items) plan.filter = query.items->front();
    plan.from_position = from;
    plan.to_position = to;
    return target_->read(plan, take);
  }
  result<std::vector<StreamInfo>> list_streams(const std::string& prefix, const std::string& after,
                                               std::size_t limit) override {
    return target_->list_streams(prefix, after, limit);
  }
  result<RecordedEvent> find_event(const Uuid& id) override { return target_->find_event(id); }
  result<Position> head() override {
    STELE_TRY(const auto head, target_->head());
    return head.position;
  }

 private:
  std::unique_ptr<Target> target_;
};

result<std::string> text_member(const JsonDocument& document, std::string_view name) {
  const auto member = document.root().find(name);
  const auto text = member ? member->as_string() : std::nullopt;
  if (text) return std::string(*text);
  return Error(errc::unavailable, "the server's answer about an aggregate cannot be read");
}

// Lines of a server's timeline, each with the state in front of it.
class TimelineSteps {
 public:
  explicit TimelineSteps(const history::TakeStep& take) : take_(take) {}

  result<bool> take(const JsonValue& line) {
    if (line.find("$end")) {
      ended = true;
      return false;
    }
    const auto event = line.find("event");
    const auto state = line.find("state");
    if (!event || !state) return Error(errc::unavailable, "the server's timeline cannot be read");
    if (const auto before = line.find("before")) before_ = before->raw();
    after_ = state->raw();
    STELE_TRY(const auto recorded, parse_event_json(event->raw()));
    STELE_TRY(const bool more, take_({OwnedView(recorded).view(), before_, after_}));
    before_.swap(after_);
    ended = !more;
    return more;
  }
  bool ended = false;  // with the record that says so, or because it was enough

 private:
  const history::TakeStep& take_;
  std::string before_;
  std::string after_;
};

// States as the server's application sees them.
class ServerTimeline final : public history::Timeline {
 public:
  ServerTimeline(HttpClient client, std::string path, std::string fold, history::Extent extent)
      : client_(std::move(client)),
        path_(std::move(path)),
        fold_(std::move(fold)),
        extent_(std::move(extent)) {}

  [[nodiscard]] const std::string& fold_name() const override { return fold_; }
  [[nodiscard]] const history::Extent& extent() const override { return extent_; }

  result<void> walk(Revision from, Revision to, const history::TakeStep& take) override {
    TimelineSteps steps(take);
    JsonLines lines([&](const JsonValue& line) { return steps.take(line); });
    const auto path =
        path_ + "/timeline?from=v" + std::to_string(from.value()) + "&to=v" + std::to_string(to.value());
    const HttpRequest request{.target = path, .headers = {"Accept: application/x-ndjson"}};
    STELE_TRY(const auto reply,
              client_.stream(request, [&](std::string_view bytes) { return lines.take(bytes); }, {}));
    if (reply.status != 200) return error_of_problem(reply.status, reply.body);
    STELE_CHECK(lines.outcome());
    if (steps.ended) return {};
    return Error(errc::unavailable, "the server's answer broke off");
  }

  result<std::string> state_at(std::optional<Revision> revision) override {
    const auto moment = revision ? "v" + std::to_string(revision->value()) : std::string("start");
    STELE_TRY(const auto reply, client_.send({.target = path_ + "?as_of=" + moment}));
    if (reply.status != 200) return error_of_problem(reply.status, reply.body);
    STELE_TRY(const auto document, JsonDocument::parse(reply.body));
    const auto state = document.root().find("state");
    if (!state) return Error(errc::unavailable, "the server's answer about an aggregate cannot be read");
    return std::string(state->raw());
  }
  void extend(Revision last) override { extent_.last = last; }

 private:
  HttpClient client_;
  std::string path_;
  std::string fold_;
  history::Extent extent_;
};

}  // namespace

bool JsonLines::take(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (end == std::string_view::npos) return true;
    bytes.remove_prefix(end + 1);
    const auto more = take_line();
    line_.clear();
    if (!more) outcome_ = more.error();
    if (!more || !*more) return false;
  }
  return true;
}

result<bool> JsonLines::take_line() {
  if (line_.empty()) return true;
  STELE_TRY(const auto document, JsonDocument::parse(line_, {.allow_repeated_keys = true}));
  if (const auto problem = document.root().find("$error")) {
    const auto status = problem->find("status");
    return error_of_problem(static_cast<int>(status ? status->as_u64().value_or(500) : 500), problem->raw());
  }
  return take_(document.root());
}

std::string aggregate_path(const std::string& type, const std::string& id) {
  return "/v1/aggregates/" + percent_encoded(type) + (id.empty() ? "" : "/" + percent_encoded(id));
}

result<std::unique_ptr<history::EventSource>> open_source(const Session& session) {
  STELE_TRY(const auto place, place_of(session));
  if (!place.url.empty()) {
    STELE_TRY(auto target, open_target(session, Use::reading));
    return std::make_unique<ServerSource>(std::move(target));
  }
  STELE_TRY(auto store, open(place.dir, {.access = Access::read_only}));
  return std::make_unique<DirectorySource>(std::move(store));
}

result<std::shared_ptr<history::Folds>> local_folds(const std::string& fold_file) {
  auto folds = std::make_shared<history::Folds>();
  if (!fold_file.empty()) STELE_CHECK(folds->add_file(fold_file));
  folds->add(bank::aggregates());
  folds->add(shop::aggregates());
  folds->add(crm::aggregates());
  return folds;
}

result<bool> server_folds(const Session& session, const std::string& fold_file) {
  STELE_TRY(const auto place, place_of(session));
  return !place.url.empty() && fold_file.empty();
}

result<std::string> get_from_server(const Session& session, const std::string& path) {
  STELE_TRY(const auto place, place_of(session));
  STELE_TRY(auto client, HttpClient::make(place.url, place.token));
  STELE_TRY(auto reply, client.send({.target = path, .headers = {"Accept: application/json"}}));
  if (reply.status != 200) return error_of_problem(reply.status, reply.body);
  return std::move(reply.body);
}

result<std::string> post_to_server(const Session& session, const std::string& path, std::string body) {
  STELE_TRY(const auto place, place_of(session));
  STELE_TRY(auto client, HttpClient::make(place.url, place.token));
  STELE_TRY(auto reply, client.send({.method = "POST",
                                     .target = path,
                                     .headers = {"Content-Type: application/json"},
                                     .body = std::move(body)}));
  if (reply.status != 200) return error_of_problem(reply.status, reply.body);
  return std::move(reply.body);
}

result<std::unique_ptr<history::Timeline>> open_server_timeline(const Session& session,
                                                                const StreamInfo& info,
                                                                const LookOptions& options) {
  const auto path = aggregate_path(options.type, options.id);
  STELE_TRY(const auto shown, get_from_server(session, path + "?as_of=start"));
  STELE_TRY(const auto document, JsonDocument::parse(shown));
  STELE_TRY(auto fold, text_member(document, "fold"));
  STELE_TRY(const auto place, place_of(session));
  STELE_TRY(auto client, HttpClient::make(place.url, place.token));
  return std::make_unique<ServerTimeline>(
      std::move(client), path, std::move(fold),
      history::Extent{info.stream, history::first_kept(info), info.last_revision});
}

result<Look> open_look(const Session& session, const LookOptions& options) {
  Look look;
  look.type = options.type;
  look.id = options.id;
  STELE_TRY(look.source, open_source(session));
  STELE_TRY(look.info, look.source->stream_info(options.type + "-" + options.id));
  STELE_TRY(const bool remote, server_folds(session, options.fold));
  if (remote) {
    STELE_TRY(look.timeline, open_server_timeline(session, look.info, options));
    return look;
  }
  STELE_TRY(look.folds, local_folds(options.fold));
  STELE_TRY(look.fold, look.folds->find(options.type));
  STELE_TRY(look.timeline, history::open_timeline(*look.source, *look.fold, look.info.stream));
  return look;
}

result<std::optional<Revision>> Look::moment(const Session& session, std::string_view text) const {
  return history::revision_at(*source, info, text, session.now());
}

result<history::RevisionRange> Look::range(const Session& session, std::string_view text) const {
  return history::revisions_between(*source, info, text, session.now());
}

}  // namespace stele::cli
