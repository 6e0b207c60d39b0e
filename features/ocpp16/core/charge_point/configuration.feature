@ocpp16 @core @charge-point @configuration
Feature: The CSMS reads and writes the configuration

  Background:
    Given a charge point that is booted and idle

  @TC_019_CS
  Scenario: Every key of the Core profile is there
    When the CSMS sends GetConfiguration
      | key | ["SupportedFeatureProfiles"] |
    Then it answers with SupportedFeatureProfiles alone
    When the CSMS sends GetConfiguration
    Then it answers with its configuration
    And no key is named twice and none is unknown
    And every required key of the profiles it claims is there, read-only where it must be
    And each value of a standard key is of its kind
    And NumberOfConnectors is the number of connectors it has reported
    When the CSMS sends GetConfiguration
      | key | ["GetConfigurationMaxKeys"] |
    Then it answers with GetConfigurationMaxKeys alone
    When the CSMS reads as many keys at once as it allows
    Then it answers with all of them and none unknown

  @TC_021_CS
  Scenario: A value that was written is read back
    When the CSMS sets MeterValueSampleInterval to another value
    Then it answers Accepted
    When the CSMS sends GetConfiguration
      | key | ["MeterValueSampleInterval"] |
    Then it answers that MeterValueSampleInterval has the value that was set

  @TC_040_1_CS
  Scenario: A key that nobody knows cannot be set
    When the CSMS sends ChangeConfiguration
      | key   | NoSuchSettingAnywhere |
      | value | "1"                   |
    Then it answers NotSupported

  @TC_040_2_CS
  Scenario Outline: A value that makes no sense is refused
    When the CSMS sends ChangeConfiguration
      | key   | MeterValueSampleInterval |
      | value | "<value>"                |
    Then it answers Rejected
    When the CSMS sends GetConfiguration
      | key | ["MeterValueSampleInterval"] |
    Then it answers that MeterValueSampleInterval has the value it had

    Examples:
      | value |
      | -1    |
      | often |

  Scenario Outline: The key <key> can only be read
    When the CSMS sends ChangeConfiguration
      | key   | <key>     |
      | value | "<value>" |
    Then it answers Rejected
    When the CSMS sends GetConfiguration
      | key | ["<key>"] |
    Then it answers that <key> has the value it had

    Examples:
      | key                      | value               |
      | NumberOfConnectors       | 7                   |
      | GetConfigurationMaxKeys  | 7                   |
      | SupportedFeatureProfiles | Core,RemoteTrigger  |

  Scenario: A key that nobody knows is named as unknown
    When the CSMS sends GetConfiguration
      | key | ["NoSuchSettingAnywhere"] |
    Then it answers that NoSuchSettingAnywhere is unknown

  Scenario: A known and an unknown key are told apart
    When the CSMS sends GetConfiguration
      | key | ["HeartbeatInterval", "NoSuchSettingAnywhere"] |
    Then it answers with a value of HeartbeatInterval
    And it answers that NoSuchSettingAnywhere is unknown

  @TC_062_CS
  Scenario: Data of a vendor it does not know is refused
    When the CSMS sends DataTransfer
      | vendorId | org.example.nobody |
      | data     | anything           |
    Then it answers UnknownVendorId, UnknownMessageId or Rejected; Accepted is warned about

  Scenario Outline: A value of the wrong kind is refused
    When the CSMS sends ChangeConfiguration
      | key   | <key>     |
      | value | "<value>" |
    Then it answers Rejected
    When the CSMS sends GetConfiguration
      | key | ["<key>"] |
    Then it answers that <key> has the value it had

    Examples:
      | key                            | value   |
      | HeartbeatInterval              | -1      |
      | LocalPreAuthorize              | perhaps |
      | ConnectionTimeOut              | -5      |
      | ClockAlignedDataInterval       | often   |
      | TransactionMessageAttempts     | often   |
      | TransactionMessageRetryInterval | -1     |
      | LocalAuthorizeOffline          | perhaps |
      | StopTransactionOnInvalidId     | perhaps |

  Scenario Outline: A measurand that it cannot measure is refused
    When the CSMS sends ChangeConfiguration
      | key   | <key>                                             |
      | value | "Energy.Active.Import.Register,No.Such.Measurand" |
    Then it answers Rejected
    When the CSMS sends GetConfiguration
      | key | ["<key>"] |
    Then it answers that <key> has the value it had

    Examples:
      | key                    |
      | MeterValuesAlignedData |
      | MeterValuesSampledData |
      | StopTxnAlignedData     |
      | StopTxnSampledData     |

  Scenario: The names of keys have no case
    When the CSMS sends GetConfiguration
      | key | ["HEARTBEATINTERVAL"] |
    Then it answers with a value of HeartbeatInterval

  Scenario: The names of keys have no case when they are set
    When the CSMS sets METERVALUESAMPLEINTERVAL to another value
    Then it answers Accepted or RebootRequired

  Scenario: A long message id comes back as it was
    When the CSMS reads HeartbeatInterval with a message id of 36 characters
    Then it answers with a value of HeartbeatInterval

  @recommended
  Scenario: A value that was written outlives a power cut
    When the CSMS sets MeterValueSampleInterval to another value
    Then it answers Accepted or RebootRequired
    When the charge point is power cycled
    Then it boots
    And it reports connector 0 and every connector as Available
    When the CSMS sends GetConfiguration
      | key | ["MeterValueSampleInterval"] |
    Then it answers that MeterValueSampleInterval has the value that was set

  Scenario: A ping interval below nought is refused
    When the CSMS sends ChangeConfiguration
      | key   | WebSocketPingInterval |
      | value | "-1"                  |
    Then it answers Rejected or NotSupported
