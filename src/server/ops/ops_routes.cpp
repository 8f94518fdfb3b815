// ops_routes.cpp - the addresses of the server itself.
#include "server/ops/ops_routes.hpp"

#include "server/http/parser.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

using CoreAnswer = Answer (*)(Core&, const Request&);

ServedRoute ops_route(const std::shared_ptr<Core>& core, std::string pattern, CoreAnswer answer, RouteDoc doc,
                      bool open_to_all = false) {
  return {.route = {.method = "GET",
                    .pattern = std::move(pattern),
                    .handler = [weak = std::weak_ptr(core), answer](const Request& request) -> Answer {
                      const auto live = weak.lock();
                      if (!live) return Error(errc::unavailable, "the server is stopping");
                      return answer(*live, request);
                    },
                    .doc = std::move(doc)},
          .own = true,
          .open_to_all = open_to_all};
}

Answer livez(Core&, const Request&) { return Response::text(200, "ok\n"); }

void add_check(std::string& text, bool& ready, std::string_view name, const result<void>& outcome) {
  text += outcome ? "[+]" : "[-]";
  text += name;
  text += outcome ? " ok" : " " + outcome.error().to_string();
  text += '\n';
  ready = ready && outcome;
}

// A read through the records database: its file, its lock and its schema are all needed for it.
result<void> check_records(Core& core) {
  STELE_CHECK(core.store.records().get("readyz", "probe"));
  return {};
}

// The lines are shown when asked for, and always when something is wrong.
Answer readyz(Core& core, const Request& request) {
  std::string text;
  bool ready = true;
  add_check(text, ready, "log at " + std::to_string(core.store.head().position.value()), {});
  add_check(text, ready, "records", check_records(core));
  result<void> stopping;
  if (core.stopping.load()) stopping = Error(errc::unavailable, "the server is stopping");
  add_check(text, ready, "serving", stopping);
  if (core.app) {
    for (const auto& check : core.app->checks()) add_check(text, ready, check.name, check.ready());
  }
  const bool verbose = request.query_value("verbose").has_value() || !ready;
  if (!verbose) text.clear();
  return Response::text(ready ? 200 : 503, text + (ready ? "ready\n" : "not ready\n"));
}

Answer metrics_page(Core& core, const Request&) {
  static const std::vector<std::function<std::vector<Metric>()>> none;
  return Response::text(200, core.metrics.render(core.store.head(), core.app ? core.app->collectors() : none),
                        "text/plain; version=0.0.4; charset=utf-8");
}

Answer version_page(Core& core, const Request&) {
  std::string body = "{\"name\":\"stele\",\"version\":" + json_quoted(STELE_VERSION);
  if (core.app) {
    body += ",\"application\":{\"name\":" + json_quoted(core.app->name()) +
            ",\"version\":" + json_quoted(core.app->version()) + "}";
  }
  return Response::json(200, body + "}");
}

void add_limit(std::string& body, std::string_view name, std::uint64_t value) {
  body += body.size() > 1 ? ",\"" : "\"";
  body += name;
  body += "\":" + std::to_string(value);
}

std::uint64_t milliseconds(std::chrono::milliseconds time) {
  return static_cast<std::uint64_t>(time.count());
}

// What a client may run into, and nothing that is not enforced.
Answer limits_page(Core& core, const Request&) {
  const auto& options = core.options;
  std::string body = "{";
  add_limit(body, "stream_name_bytes", Limits::stream_name_bytes);
  add_limit(body, "event_type_bytes", Limits::event_type_bytes);
  add_limit(body, "content_type_bytes", Limits::content_type_bytes);
  add_limit(body, "tag_bytes", Limits::tag_bytes);
  add_limit(body, "tags_per_event", Limits::tags_per_event);
  add_limit(body, "data_bytes", Limits::data_bytes);
  add_limit(body, "metadata_bytes", Limits::metadata_bytes);
  add_limit(body, "events_per_append", Limits::events_per_append);
  add_limit(body, "streams_per_append", Limits::streams_per_append);
  add_limit(body, "append_bytes", Limits::append_bytes);
  add_limit(body, "page_events", 1000);
  add_limit(body, "target_bytes", max_target_bytes);
  add_limit(body, "header_bytes", options.header_bytes);
  add_limit(body, "body_bytes", options.body_bytes);
  add_limit(body, "buffered_body_bytes", max_buffered_bodies);
  add_limit(body, "connections", options.connections);
  add_limit(body, "live_buffer_bytes", options.live_buffer_bytes);
  add_limit(body, "read_timeout_ms", milliseconds(options.read_timeout));
  add_limit(body, "idle_timeout_ms", milliseconds(options.idle_timeout));
  add_limit(body, "write_timeout_ms", milliseconds(options.write_timeout));
  add_limit(body, "heartbeat_ms", milliseconds(options.heartbeat));
  add_limit(body, "longest_wait_s", 60);
  add_limit(body, "idempotency_window_h", static_cast<std::uint64_t>(options.idempotency_window.count()));
  return Response::json(200, body + "}");
}

Answer openapi_page(Core& core, const Request&) {
  return Response::json(200, openapi_document(core.router.routes(), core.app));
}

// Problem texts may be an application's.
std::string html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Answer problem_page(Core& core, const Request& request) {
  const auto slug = request.param("slug");
  const auto* page = core.problems.find(slug);
  if (page == nullptr)
    return Response::problem(not_found("there is no problem type `" + std::string(slug) + "`"));
  if (request.accepts("application/json")) {
    return Response::json(200, "{\"type\":" + json_quoted("/problems/" + std::string(slug)) + ",\"title\":" +
                                   json_quoted(page->title) + ",\"status\":" + std::to_string(page->status) +
                                   ",\"meaning\":" + json_quoted(page->meaning) + "}");
  }
  return Response::text(200,
                        "<!doctype html><meta charset=utf-8><title>" + html(page->title) + "</title><h1>" +
                            html(page->title) + "</h1><p>" + html(page->meaning) +
                            "</p><p>Usual status: " + std::to_string(page->status) + "</p>\n",
                        "text/html; charset=utf-8");
}

}  // namespace

std::vector<ServedRoute> ops_routes(const std::shared_ptr<Core>& core) {
  return {
      ops_route(core, "/livez", livez, {.summary = "The process is alive"}, true),
      ops_route(core, "/readyz", readyz,
                {.summary = "Requests can be served", .query = {{"verbose", "one line per check"}}}, true),
      ops_route(core, "/metrics", metrics_page, {.summary = "Prometheus metrics"}),
      ops_route(core, "/version", version_page, {.summary = "What runs here"}),
      ops_route(core, "/v1/limits", limits_page, {.summary = "Every limit"}),
      ops_route(core, "/openapi.json", openapi_page, {.summary = "This description"}),
      ops_route(core, "/problems/{slug}", problem_page, {.summary = "What a problem type means"}, true),
  };
}

}  // namespace stele::server
