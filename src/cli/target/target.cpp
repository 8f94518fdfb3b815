// target.cpp - which place a command means: flag before environment, directory or server.
#include "cli/target/target.hpp"

#include "cli/report.hpp"

namespace stele::cli {

result<Place> place_of(const Session& session) {
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

result<std::unique_ptr<Target>> open_target(const Session& session, Use use) {
  STELE_TRY(const auto place, place_of(session));
  return place.url.empty() ? open_local_target(place.dir, use) : open_remote_target(place.url);
}

}  // namespace stele::cli
