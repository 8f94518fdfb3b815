// asio_impl.cpp - the compiled half of Asio and Beast (separate compilation); nothing of ours.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
