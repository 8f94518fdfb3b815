// tests.hpp - the same for tests, with GoogleTest and the toolkit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "rooms.hpp"
#include "stele/decider.hpp"
#include "stele/handler.hpp"
