// exchange.hpp - the life of one request between its last byte and its answer: conventions, Idempotency-Key,
// waiting for a read model, the handler, problem documents, metrics, the log line. Knows nothing of sockets.
#pragma once

#include <chrono>
#include <memory>

#include "server/app/core.hpp"
#include "server/http/parser.hpp"
#include "stele/app.hpp"

namespace stele::server {

// Receives the finished answer exactly once, on any thread. `refusal` is rendered already.
using Reply = std::move_only_function<void(Response)>;

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  // Finds the route and reads the conventions; what is wrong is answered by run().
  static std::shared_ptr<Exchange> prepare(std::shared_ptr<Core> core, ParsedRequest parsed);
  explicit Exchange(std::shared_ptr<Core> core);
  ~Exchange();

  // Whether it may run beside other pipelined requests of its connection.
  [[nodiscard]] bool pipelined() const;
  [[nodiscard]] const Request& request() const { return *request_; }
  // On a loop's thread.
  void run(Reply reply);

 private:
  // Fills the request; whatever is wrong becomes refused_, so that run() has one way to answer.
  void understand(ParsedRequest& parsed);
  [[nodiscard]] std::optional<Problem> refuse_unknown_query() const;
  // Who asks, and whether they may: 401 comes before anything is told about addresses, 403 after.
  [[nodiscard]] std::optional<Response> refuse_stranger(bool open_to_all);
  [[nodiscard]] std::optional<Problem> refuse_scope() const;
  // Worker threads: these read and write records.
  void begin_keyed();
  void proceed();
  // Holds no thread: the model or the clock calls back.
  void wait_then_call();
  void late(std::optional<Position> wanted);
  void call_handler();
  void call_async();
  void call_blocking();
  void log_thrown(std::string_view what) const;
  // From here on any thread: the handler's, the store's, a worker's.
  void answered(Answer answer);
  void finish(Response response);
  void hand_over(Response response);
  void finish_keyed(Response response);
  // The last step, exactly once per exchange.
  void deliver(Response response);
  void add_headers(Response& response);
  void record(int status) const;

  std::shared_ptr<Core> core_;
  std::shared_ptr<Request> request_;
  const ServedRoute* route_ = nullptr;
  const AccessToken* token_ = nullptr;  // null: none is wanted here
  bool acted_ = false;                  // a handler has answered
  std::optional<Response> refused_;
  Reply reply_;
  // Set between Idempotency::begin() and end(); an answer outside of it is not kept.
  bool keyed_ = false;  // Idempotency::begin() said go on
  bool waited_ = false;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

// The document of a refusal that belongs to no request (bytes that are none).
[[nodiscard]] Response render_problem(const Core& core, const Problem& problem, std::string_view instance,
                                      std::string_view request_id);

}  // namespace stele::server
