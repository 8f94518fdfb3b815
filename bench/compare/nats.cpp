// nats.cpp - NATS JetStream, one file-backed stream, a subject per stream of events, the expected last sequence of the
// subject checked. A batch is so many messages in flight: JetStream of this age has no atomic batches. Whether an
// acknowledgement is durable is the server's setting (sync_interval: always, from 2.10 on); the script tells.
#include <fmt/format.h>
#include <nats/nats.h>

#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "rival.hpp"

namespace stele::compare {
namespace {

constexpr auto stream_config_name = "EVENTS";
constexpr std::int64_t wait_ms = 10'000;
constexpr std::size_t fill_in_flight = 2000;

std::string subject_of(std::string_view stream) { return fmt::format("ev.{}", stream); }

Error nats_failed(natsStatus status) {
  return {errc::unavailable, fmt::format("NATS: {}", natsStatus_GetText(status))};
}
result<void> good(natsStatus status) { return status == NATS_OK ? result<void>() : nats_failed(status); }

struct DestroyConnection {
  void operator()(natsConnection* it) const { natsConnection_Destroy(it); }
};
struct DestroyContext {
  void operator()(jsCtx* it) const { jsCtx_Destroy(it); }
};
struct DestroySubscription {
  void operator()(natsSubscription* it) const { natsSubscription_Destroy(it); }
};
struct DestroyMessage {
  void operator()(natsMsg* it) const { natsMsg_Destroy(it); }
};
using Message = std::unique_ptr<natsMsg, DestroyMessage>;

// Answers of asynchronous publishes, by subject.
class Acks {
 public:
  struct Ack {
    std::string subject;
    std::uint64_t sequence;
  };
  static void handle(jsCtx*, natsMsg* message, jsPubAck* ack, jsPubAckErr* failure, void* closure) {
    auto& self = *static_cast<Acks*>(closure);
    const std::lock_guard lock(self.mutex_);
    if (failure != nullptr && !self.failed_)
      self.failed_ =
          Error(errc::unavailable, fmt::format("NATS: {}", failure->ErrText ? failure->ErrText : "?"));
    self.acks_.push_back({natsMsg_GetSubject(message), ack != nullptr ? ack->Sequence : 0});
    self.arrived_.notify_one();
    natsMsg_Destroy(message);
  }
  result<std::vector<Ack>> take() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !acks_.empty(); });
    if (failed_) return *failed_;
    return std::exchange(acks_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Ack> acks_;
  std::optional<Error> failed_;
};

class NatsLink {
 public:
  result<void> open(int port) {
    natsConnection* connection = nullptr;
    STELE_CHECK(
        good(natsConnection_ConnectTo(&connection, fmt::format("nats://127.0.0.1:{}", port).c_str())));
    connection_.reset(connection);
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = wait_ms;
    options.PublishAsync.AckHandler = Acks::handle;
    options.PublishAsync.AckHandlerClosure = acks_.get();
    jsCtx* context = nullptr;
    STELE_CHECK(good(natsConnection_JetStream(&context, connection, &options)));
    context_.reset(context);
    return {};
  }
  result<void> make_stream() {
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    std::array<const char*, 1> subjects{"ev.>"};
    config.Name = stream_config_name;
    config.Subjects = subjects.data();
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    config.Duplicates = 100'000'000;  // ns, the least: ids are not repeated here
    return good(js_AddStream(nullptr, context_.get(), &config, nullptr, nullptr));
  }

  // Waits for the answer, and remembers the sequence that the next append to the stream expects.
  result<void> publish(const Append& append) {
    STELE_TRY(auto message, message_of(append.stream));
    jsPubOptions options;
    expect(options, append.stream, append.expected);
    jsPubAck* ack = nullptr;
    STELE_CHECK(good(js_PublishMsg(&ack, context_.get(), message.get(), &options, nullptr)));
    last_[subject_of(append.stream)] = ack->Sequence;
    jsPubAck_Destroy(ack);
    return {};
  }
  // `checked`: only the first message of a batch can say what it expects, the others follow it on this connection.
  result<void> publish_async(const std::string& stream, std::uint64_t expected, bool checked) {
    STELE_TRY(auto message, message_of(stream));
    jsPubOptions options;
    jsPubOptions_Init(&options);
    if (checked) expect(options, stream, expected);
    auto* raw = message.release();
    const auto status = js_PublishMsgAsync(context_.get(), &raw, &options);
    if (raw != nullptr) natsMsg_Destroy(raw);
    return good(status);
  }
  result<std::vector<Acks::Ack>> acks() {
    STELE_TRY(auto taken, acks_->take());
    for (const auto& ack : taken) last_[ack.subject] = std::max(last_[ack.subject], ack.sequence);
    return taken;
  }

  // Every message of the subject, in order, until there is none pending.
  result<std::uint64_t> consume(const std::string& subject, const OnEvent& event) {
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Ordered = true;
    natsSubscription* raw = nullptr;
    STELE_CHECK(good(js_SubscribeSync(&raw, context_.get(), subject.c_str(), nullptr, &options, nullptr)));
    const std::unique_ptr<natsSubscription, DestroySubscription> subscription(raw);
    natsSubscription_SetPendingLimits(raw, -1, -1);
    for (std::uint64_t events = 1; true; ++events) {
      natsMsg* taken = nullptr;
      STELE_CHECK(good(natsSubscription_NextMsg(&taken, raw, wait_ms)));
      const Message message(taken);
      if (event)
        event(std::string_view(natsMsg_GetSubject(taken)).substr(3),
              {natsMsg_GetData(taken), static_cast<std::size_t>(natsMsg_GetDataLength(taken))});
      jsMsgMetaData* meta = nullptr;
      STELE_CHECK(good(natsMsg_GetMetaData(&meta, taken)));
      const bool last = meta->NumPending == 0;
      jsMsgMetaData_Destroy(meta);
      if (last) return events;
    }
  }

 private:
  static result<Message> message_of(const std::string& stream) {
    natsMsg* message = nullptr;
    STELE_CHECK(good(natsMsg_Create(&message, subject_of(stream).c_str(), nullptr, payload().data(),
                                    static_cast<int>(payload().size()))));
    Message owned(message);
    STELE_CHECK(good(natsMsgHeader_Set(message, "type", std::string(event_type).c_str())));
    STELE_CHECK(good(natsMsgHeader_Set(message, "id", id_text(fresh_id()).c_str())));
    return owned;
  }
  void expect(jsPubOptions& options, const std::string& stream, std::uint64_t expected) {
    jsPubOptions_Init(&options);
    if (expected == 0)
      options.ExpectNoMessage = true;
    else
      options.ExpectLastSubjectSeq = last_[subject_of(stream)];
  }

  std::unique_ptr<Acks> acks_ = std::make_unique<Acks>();
  std::unique_ptr<natsConnection, DestroyConnection> connection_;
  std::unique_ptr<jsCtx, DestroyContext> context_;
  std::map<std::string, std::uint64_t> last_;
};

class NatsConnection final : public Connection {
 public:
  explicit NatsConnection(NatsLink link) : link_(std::move(link)) {}
  result<void> append(const Append& append) override {
    if (append.count == 1) return link_.publish(append);
    for (std::uint64_t i = 0; i < append.count; ++i)
      STELE_CHECK(link_.publish_async(append.stream, append.expected, i == 0));
    for (std::uint64_t got = 0; got < append.count;) {
      STELE_TRY(const auto acks, link_.acks());
      got += acks.size();
    }
    return {};
  }

 private:
  NatsLink link_;
};

// Single events only: an answer belongs to the slot of its subject.
class NatsPipeline final : public Pipeline {
 public:
  explicit NatsPipeline(NatsLink link) : link_(std::move(link)) {}
  result<void> send(const Append& append, std::uint32_t slot) override {
    if (append.count != 1) return no_such_form();
    slots_[subject_of(append.stream)] = slot;
    return link_.publish_async(append.stream, append.expected, true);
  }
  result<void> receive(std::vector<std::uint32_t>& slots) override {
    STELE_TRY(const auto acks, link_.acks());
    slots.clear();
    for (const auto& ack : acks) slots.push_back(slots_[ack.subject]);
    return {};
  }

 private:
  NatsLink link_;
  std::map<std::string, std::uint32_t> slots_;
};

class Nats final : public Rival {
 public:
  explicit Nats(int port) : port_(port) {}
  result<void> open() {
    STELE_CHECK(link_.open(port_));
    return link_.make_stream();
  }

  [[nodiscard]] std::string durability() const override {
    return std::getenv("STELE_COMPARE_NATS_SYNC") != nullptr
               ? "sync_interval: always"
               : "not durable: this version cannot sync before it answers (2.10 can)";
  }
  result<std::unique_ptr<Connection>> connect() override {
    NatsLink link;
    STELE_CHECK(link.open(port_));
    return std::make_unique<NatsConnection>(std::move(link));
  }
  result<std::unique_ptr<Pipeline>> pipeline() override {
    NatsLink link;
    STELE_CHECK(link.open(port_));
    return std::make_unique<NatsPipeline>(std::move(link));
  }
  result<void> append_all(std::span<const Append> appends) override {
    for (; !appends.empty(); appends = appends.subspan(std::min(appends.size(), fill_in_flight))) {
      const auto part = appends.first(std::min(appends.size(), fill_in_flight));
      for (const auto& append : part) STELE_CHECK(link_.publish_async(append.stream, 0, false));
      for (std::size_t got = 0; got < part.size();) {
        STELE_TRY(const auto acks, link_.acks());
        got += acks.size();
      }
    }
    return {};
  }
  result<std::uint64_t> replay(const OnEvent& event) override { return link_.consume("ev.>", event); }
  result<std::uint64_t> load(const std::string& stream) override {
    return link_.consume(subject_of(stream), {});
  }

 private:
  int port_;
  NatsLink link_;
};

}  // namespace

result<std::unique_ptr<Rival>> open_rival(const Place& place) {
  auto rival = std::make_unique<Nats>(place.port);
  STELE_CHECK(rival->open());
  return rival;
}

}  // namespace stele::compare
