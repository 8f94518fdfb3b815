// target.cpp - which place a command means: flag before environment, directory or server.
#include "cli/target/target.hpp"

#include <fstream>

#include "cli/report.hpp"

namespace stele::cli {

namespace {

// One token, and what an editor leaves behind it.
result<std::string> token_in(const std::string& file) {
  if (file.empty()) return std::string{};
  std::ifstream in(file);
  std::string token;
  if (in >> token) return token;
  return usage_error("no access token in " + file).help("the file holds what `stele token new` has printed");
}

result<Place> place_named(const Session& session) {
  Place place = session.common.place;
  if (!place.dir.empty() && !place.url.empty())
    return usage_error("--dir and --url name two places").help("give one of them");
  if (!place.dir.empty() || !place.url.empty()) return place;
  place.dir = setting(session, "STELE_DIR").value_or("");
  place.url = setting(session, "STELE_URL").value_or("");
  if (!place.dir.empty() && !place.url.empty())
    return usage_error("STELE_DIR and STELE_URL are both set and name two places")
        .help("unset one of them, or give --dir or --url");
  if (!place.dir.empty() || !place.url.empty()) return place;
  return usage_error("no store was named")
      .help("give --dir DIRECTORY or --url http://HOST:PORT, or set STELE_DIR or STELE_URL");
}

}  // namespace

result<Place> place_of(const Session& session) {
  STELE_TRY(auto place, place_named(session));
  if (place.url.empty()) return place;
  if (place.token_file.empty()) place.token_file = setting(session, "STELE_TOKEN_FILE").value_or("");
  STELE_TRY(place.token, token_in(place.token_file));
  return place;
}

result<std::unique_ptr<Target>> open_target(const Session& session, Use use) {
  STELE_TRY(const auto place, place_of(session));
  return place.url.empty() ? open_local_target(place.dir, use) : open_remote_target(place);
}

}  // namespace stele::cli
