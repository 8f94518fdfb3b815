// saga_scene.hpp - what a specification of a saga goes through: one instance, its timers and a time that only moves
// when told. Only for spec.hpp, which says how it reads.
#pragma once

#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "stele/detail/saga_mind.hpp"
#include "stele/detail/spec_answer.hpp"

namespace stele::spec::detail {

// An event as it would be recorded, with the bytes it borrows.
struct SceneEvent {
  std::string type;
  std::string data;
  std::string metadata;
  std::string line;
  std::string instance;
};

// What is expected of one step, or came of it, as lines in one order: commands, timers, the end.
struct SceneEffects {
  Lines sends;
  Lines timers;
  bool completed = false;
  [[nodiscard]] Lines lines() const;
};

// The scene without its types. Says `when`, then what is expected; compares when the next `when` begins or the
// sentence ends.
class SagaScene {
 public:
  explicit SagaScene(std::unique_ptr<stele::detail::SagaMind> mind) : mind_(std::move(mind)) {}
  SagaScene(const SagaScene&) = delete;
  SagaScene& operator=(const SagaScene&) = delete;
  ~SagaScene();

  void start_at(Timestamp now) { now_ = now; }
  void given(const SceneEvent& event);
  void when_event(const std::source_location& where, const SceneEvent& event);
  void when_refused(const std::source_location& where, const stele::detail::SagaRefusal& refusal);
  void when_later(const std::source_location& where, std::chrono::microseconds by);

  void expect_send(std::string line);
  void expect_timer(const std::string& timer, std::chrono::microseconds after);
  void expect_timer_at(const std::string& timer, Timestamp due);
  void expect_cancelled(const std::string& timer);
  void expect_completed();
  void expect_nothing();

 private:
  void begin(const std::source_location& where, std::string what);
  void finish();
  void hear(const SceneEvent& event);
  void take(const stele::detail::SagaInput& input);
  void fire_due();
  void fail(std::string why);

  std::unique_ptr<stele::detail::SagaMind> mind_;
  Timestamp now_{};
  std::map<std::string, Timestamp> timers_;
  std::string instance_;
  bool completed_ = false;
  std::uint64_t position_ = 0;
  Lines told_;       // what came before the step that is compared
  Lines ever_sent_;  // commands that may be refused
  bool begun_ = false;
  bool claimed_ = false;
  std::source_location where_;
  std::string when_;
  SceneEffects expected_;
  SceneEffects actual_;
  std::string error_;
};

template <class S, recorded E>
[[nodiscard]] SceneEvent scene_event(const E& event) {
  static_assert(stele::detail::is_listed<typename S::Reacts, E>, "the saga does not react to this event");
  const auto& schema = schema_of<E>;
  return {std::string(schema.type), to_json(event),
          "{\"schemaVersion\":" + std::to_string(schema.version) + "}", line_of(event),
          std::string(S::route(event))};
}

// The category of the target that lists the command.
template <class C, class... Targets>
[[nodiscard]] std::string target_of(const reaction<Targets...>*) {
  static_assert(stele::detail::takers_of<C, Targets...> > 0, "none of the saga's targets lists this command");
  std::string category;
  ((stele::detail::is_listed<typename Targets::Commands, C> ? void(category = std::string(Targets::category))
                                                            : void()),
   ...);
  return category;
}

}  // namespace stele::spec::detail

namespace stele::spec {

// One instance of a saga: what it is told, and everything it does about it. Exact: what is not said after a when()
// must not happen; does_nothing() says that nothing does. Goes on with the next when() or after().
template <saga S>
class [[nodiscard]] Scene {
 public:
  template <recorded... E>
  explicit Scene(const E&... events) : scene_(std::make_unique<stele::detail::SagaMindOf<S>>()) {
    given(events...);
  }

  // What has happened, whatever the saga did about it then.
  template <recorded... E>
  Scene& given(const E&... events) {
    (scene_.given(detail::scene_event<S>(events)), ...);
    return *this;
  }
  // When the scene begins; 1970 when it is not said.
  Scene& starting_at(Timestamp when) {
    scene_.start_at(when);
    return *this;
  }

  template <recorded E>
  Scene& when(const E& event, std::source_location where = std::source_location::current()) {
    scene_.when_event(where, detail::scene_event<S>(event));
    return *this;
  }
  // A command that it has sent is refused.
  template <recorded C, recorded R>
  Scene& when_refused(const C& command, const R& why,
                      std::source_location where = std::source_location::current()) {
    const auto* reaction = static_cast<const typename S::Reaction*>(nullptr);
    scene_.when_refused(where,
                        {{detail::target_of<C>(reaction), std::string(schema_of<C>.type), {to_json(command)}},
                         std::string(schema_of<R>.type),
                         to_json(why)});
    return *this;
  }
  // Time goes by; timers that are due fire, the earliest first.
  Scene& after(std::chrono::microseconds by, std::source_location where = std::source_location::current()) {
    scene_.when_later(where, by);
    return *this;
  }

  // These commands, in this order.
  template <recorded... C>
  Scene& sends(const C&... commands) {
    (scene_.expect_send(detail::line_of(commands)), ...);
    return *this;
  }
  Scene& schedules(const std::string& timer, std::chrono::microseconds after) {
    scene_.expect_timer(timer, after);
    return *this;
  }
  Scene& schedules_at(const std::string& timer, Timestamp due) {
    scene_.expect_timer_at(timer, due);
    return *this;
  }
  Scene& cancels(const std::string& timer) {
    scene_.expect_cancelled(timer);
    return *this;
  }
  Scene& completes() {
    scene_.expect_completed();
    return *this;
  }
  Scene& does_nothing() {
    scene_.expect_nothing();
    return *this;
  }

 private:
  detail::SagaScene scene_;
};

}  // namespace stele::spec
