/** The lab's public interface. */
export { startLab } from './lab';
export type { Lab, LabOptions, Message } from './lab';
export type { HarakaProcess } from './haraka';
export type { Outcome, OutcomeWish, ReportedRecipient } from './reports';
export type { PeerConnection, PeerMessage, PeerTls, SmtpPeer } from './smtp_peer';
export type { DnsQuestion, DnsServer } from './dns_server';
export type { Middlebox, MiddleboxSpec, SeenHello } from './middlebox';
export type { PolicyHost, PolicyManner, PolicyRequest } from './policy_host';
export { manners } from './manners';
export type { HandshakeManner, Manner, MannerName, Point, Step } from './manners';
export { iniText } from './ini';
export type * from './world';
