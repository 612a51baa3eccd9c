"""The part of sortline that runs on the line: from a camera frame to a bin decision over MQTT."""
