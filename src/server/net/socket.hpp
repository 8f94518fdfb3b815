// socket.hpp - the Asio socket inside a Connection. Included by net/*.cpp only.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "server/net/connection.hpp"

namespace stele::server {

struct Connection::Socket {
  boost::asio::ip::tcp::socket tcp;
};

}  // namespace stele::server
