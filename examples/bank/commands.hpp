// commands.hpp - the bank's writing side over HTTP: five commands, each one atomic append. No read model is
// asked or touched here.
#pragma once

#include "stele/app.hpp"

namespace bank {

// `store` must outlive the server.
void add_commands(stele::App& app, stele::EventStore& store);

}  // namespace bank
