# cmake -DURL=... -DSHA256=... -DFILE=... -P download.cmake
# Downloads a file and checks its hash; on any failure no file stays. PATIENCE: after how many seconds without a byte.
if(NOT DEFINED PATIENCE)
  set(PATIENCE 60)
endif()
function(fail reason)
  file(REMOVE "${FILE}")
  # A notice is not wrapped into lines of 80 columns, as errors are.
  message(NOTICE "error: ${URL}: ${reason}")
  message(FATAL_ERROR "The download failed.")
endfunction()

file(DOWNLOAD "${URL}" "${FILE}" TLS_VERIFY ON INACTIVITY_TIMEOUT ${PATIENCE} STATUS status)
list(GET status 0 code)
if(NOT code EQUAL 0)
  list(GET status 1 reason)
  fail("${reason}")
endif()
file(SHA256 "${FILE}" actual)
if(NOT actual STREQUAL SHA256)
  fail("damaged download, its SHA-256 is ${actual} instead of ${SHA256}")
endif()
